//! What vouches for tokens: whether it still does, and the end of the sessions that came of it.

use snug_model::{
    AppKey, Voucher,
    facts::{SettingsVoucher, VoucherFacts},
};

use crate::{Core, Result, context::AppContext, facts, hub::Close};

impl Core {
    /// What of that which vouches for a token a decision rests on; nothing where nobody knows it.
    pub(crate) async fn voucher_facts(
        &self,
        app: &AppContext,
        voucher: &Voucher,
        fresh: bool,
    ) -> Result<Option<VoucherFacts>> {
        Ok(match voucher {
            Voucher::ApiKey(id) => {
                let row = self.key_row(id, fresh).await?;
                row.map(|row| VoucherFacts::ApiKey(facts::of_key(&row, Some(app))))
            }
            Voucher::Door { .. } | Voucher::Issuer { .. } => match app.vouching(voucher) {
                Some(of_settings) => {
                    let good = of_settings.good && self.is_published(app, voucher).await;
                    Some(VoucherFacts::OfSettings(SettingsVoucher { good, ..of_settings }))
                }
                None => None,
            },
            Voucher::TokenKey(id) => {
                let row = self.token_key_row(id, fresh).await?;
                row.map(|row| VoucherFacts::TokenKey(facts::of_token_key(&row, app)))
            }
        })
    }

    /// Closes the sessions of an app whose token nothing vouches for any more: those of whose voucher `ended` says so.
    pub(crate) fn close_vouched(&self, app: AppKey, ended: impl Fn(&Voucher) -> bool) {
        self.hub.directory.each_of_app(app, |session| {
            if ended(&session.grant().voucher) {
                session.close(Close::Unauthenticated);
            }
        });
    }
}

impl AppContext {
    /// What of the app's settings vouches under that name; nothing where its scheme is off, or its secret or key is gone.
    pub(crate) fn vouching(&self, voucher: &Voucher) -> Option<SettingsVoucher> {
        match voucher {
            Voucher::Door { scheme, by } => self.vouching_at_door(*scheme, by),
            Voucher::Issuer { iss, .. } => Some(SettingsVoucher {
                voucher: voucher.clone(),
                good: true,
                may_mint: self.may_mint(self.issuer(iss)?.may_mint.as_ref()),
                tokens_not_before: None,
            }),
            Voucher::ApiKey(_) | Voucher::TokenKey(_) => None,
        }
    }
}
