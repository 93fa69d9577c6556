//! The door: what a client can prove itself by, exchanged for an access token. Everything behind it knows that one credential.
//!
//! Every refusal is the same [`Error::Unauthenticated`], and costs the same: a scheme that is off is asked like one that is on,
//! with secrets that nobody has.

use snug_model::{
    Action, Actor, AppId, Timestamp, UserId, Voucher,
    identity::{SchemeSecret, SchemeSettings, SecretId},
    limits,
    origins::PageOrigin,
    secret::SecretText,
    vouchers::Scheme,
};

use crate::{
    Core, Error, Minted, Result,
    authorize::{Ask, decided},
    context::AppContext,
    credentials::{Proven, agora, hmac, stream, talkjs, twilio},
    identity::UNPROVEN,
    visitors::{Resume, vouches_for},
};

/// What a client brings to the door.
#[derive(Debug)]
pub enum Proof {
    /// A signature of its user's id; none where it only says who it is.
    Signature {
        /// The user.
        user: UserId,
        /// The signature, in hexadecimal.
        signature: Option<SecretText>,
    },
    /// A token of that scheme.
    Token(Scheme, SecretText),
    /// Nothing: a visitor, who has been here before where it brings what it was given then.
    Visitor {
        /// What it was given.
        resume: Option<SecretText>,
        /// The page that it comes from.
        page: FromPage,
    },
    /// Something of a scheme that nobody knows.
    Unknown,
}

/// Where a request comes from, if a browser says so.
#[derive(Debug, Clone, Default)]
pub struct FromPage {
    /// The `Origin` of the page; empty is one that cannot be read.
    pub origin: Option<String>,
    /// Whether this server seems to have delivered it.
    pub own: bool,
}

/// What the door gives.
pub struct Entered {
    /// The access token.
    pub minted: Minted,
    /// What a visitor returns by, once.
    pub resume: Option<SecretText>,
}

/// Who came, and by what.
struct Came {
    user: UserId,
    scheme: Scheme,
    voucher: Voucher,
    /// When what it proved itself by was made; none of what does not say.
    made_at: Option<Timestamp>,
    /// When that ends; none of what never does.
    expires_at: Option<Timestamp>,
    /// How often a visitor had returned before; none of a new one.
    resumed: Option<i64>,
}

impl Came {
    fn by(scheme: Scheme, proven: Proven) -> Self {
        Self {
            user: proven.user,
            scheme,
            voucher: Voucher::Door { scheme, by: proven.vouched_by.as_str().into() },
            made_at: proven.issued_at,
            expires_at: proven.expires_at,
            resumed: None,
        }
    }
}

impl Core {
    /// Exchanges a proof for an access token, which lives no longer than the proof, nor than the app's settings say. Makes the
    /// user where nobody knows it and the app wants that.
    ///
    /// # Errors
    /// `Unauthenticated` for whatever does not prove a user of the app; `Banned` where it proves one who is.
    pub async fn exchange(&self, app: &AppId, proof: &Proof) -> Result<Entered> {
        let app = self.app_by_id(app, false).await?.ok_or(Error::Unauthenticated)?;
        let now = self.clock.now();
        let came = self.prove(&app, proof, now).await?.ok_or(Error::Unauthenticated)?;
        let longest = now.plus_s(app.identity.scheme(came.scheme).max_ttl_s);
        let until = came.expires_at.unwrap_or(Timestamp::NEVER).min(longest);
        let minted = self.mint_at_door(&app, &came.user, came.voucher.clone(), until).await?;
        let actor = self.authenticate_token(app.id(), minted.token.expose()).await?;
        let issued_at = actor.token.issued_at;
        let new_visitor = came.scheme == Scheme::Visitor && came.resumed.is_none();
        let proven_at = if new_visitor { Some(issued_at) } else { came.made_at };
        let actor = Actor::User(actor);
        let ask = Ask::in_app(&actor, Action::Enter { proven_at }).with_rows();
        decided!(self, ask.clone(), |allowed| async {
            match came.resumed {
                None => Ok::<_, Error>(()),
                Some(from) => self.count_return(&allowed, &came.user, from).await,
            }
        })?;
        let resume = match came.scheme {
            Scheme::Visitor => {
                let resumed = came.resumed.map_or(0, |resumed| resumed + 1);
                let tokens = &self.keyed(app.key()).await?.tokens;
                Some(Resume::new(&came.user, resumed, issued_at).seal(tokens, app.key())?)
            }
            _ => None,
        };
        Ok(Entered { minted, resume })
    }

    /// Who comes by this proof, as the app is set; nothing where it proves nobody.
    async fn prove(&self, app: &AppContext, proof: &Proof, now: Timestamp) -> Result<Option<Came>> {
        let came = match proof {
            Proof::Unknown => None,
            Proof::Visitor { resume, page } => self.prove_visitor(app, resume.as_ref(), page, now).await?,
            Proof::Signature { user, signature } => {
                let settings = app.identity.scheme(Scheme::Hmac);
                let text = signature.as_ref().map_or("", SecretText::expose);
                let proven = hmac::verify(user, text, &self.candidates(&settings)?);
                let unsigned = || signature.is_none().then(|| unproven(user)).flatten();
                proven.map(|proven| Came::by(Scheme::Hmac, proven)).or_else(unsigned)
            }
            Proof::Token(Scheme::Jwt, token) => {
                let proven = self.prove_by_issuer(app, token.expose(), now).await;
                proven.map(|proven| Came {
                    user: proven.user,
                    scheme: Scheme::Jwt,
                    voucher: proven.voucher,
                    made_at: proven.issued_at,
                    expires_at: Some(proven.expires_at),
                    resumed: None,
                })
            }
            Proof::Token(scheme, token) => {
                let proven = self.verify_foreign(app, *scheme, token.expose(), now)?;
                proven.map(|proven| Came::by(*scheme, proven))
            }
        };
        // A secret that nobody has vouches for nobody, nor does one of a scheme that is off.
        Ok(came.filter(|came| app.vouching(&came.voucher).is_some_and(|vouching| vouching.good)))
    }

    /// Whom a token of another system proves.
    fn verify_foreign(
        &self,
        app: &AppContext,
        scheme: Scheme,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Proven>> {
        let settings = app.identity.scheme(scheme);
        let secrets = self.candidates(&settings)?;
        let account = settings.account.as_ref().map_or("", |id| id.as_str());
        let service = settings.service.as_ref().map_or("", |id| id.as_str());
        Ok(match scheme {
            Scheme::TalkJs => talkjs::verify(token, account, &secrets, now),
            Scheme::Twilio => twilio::verify(token, account, service, &secrets, now),
            Scheme::Agora => agora::verify(token, account, &secrets, now),
            Scheme::Stream => stream::verify(token, &secrets, settings.ttl_without_exp_s, now),
            // They come by other proofs.
            Scheme::Hmac | Scheme::Visitor | Scheme::Jwt => None,
        })
    }

    /// The secrets to try: those of a scheme that is on, and always as many as it may have.
    fn candidates(&self, settings: &SchemeSettings) -> Result<Vec<SchemeSecret>> {
        let mut secrets = if settings.enabled { settings.secrets.clone() } else { Vec::new() };
        while (secrets.len() as u64) < limits::SCHEME_SECRETS_MAX {
            secrets.push(SchemeSecret {
                id: SecretId::parse("nobody")?,
                secret: self.random.key_secret()?,
                created_at: Timestamp::NEVER,
            });
        }
        Ok(secrets)
    }

    /// A visitor: the one who returns, or a new one.
    async fn prove_visitor(
        &self,
        app: &AppContext,
        resume: Option<&SecretText>,
        page: &FromPage,
        now: Timestamp,
    ) -> Result<Option<Came>> {
        let settings = app.identity.scheme(Scheme::Visitor);
        if !settings.enabled || !may_visit(app, &settings, page) {
            return Ok(None);
        }
        let keyed = self.keyed(app.key()).await?;
        let returning = match resume {
            None => None,
            Some(text) => {
                let read = Resume::open(&keyed.tokens, app.key(), text.expose(), settings.since, now);
                let Some(resume) = read else { return Ok(None) };
                // Who has left nothing, and is not remembered either, has nothing to return to.
                if self.is_visitor_known(app, &resume.user()?).await? { Some(resume) } else { None }
            }
        };
        let user = match &returning {
            Some(resume) => resume.user()?,
            None => self.new_visitor()?,
        };
        let resumed = returning.as_ref().map(|resume| resume.resumed);
        Ok(Some(Came {
            scheme: Scheme::Visitor,
            voucher: vouches_for(&user, resumed.map_or(0, |resumed| resumed + 1)),
            user,
            made_at: returning.map(|resume| resume.made_at()),
            expires_at: None,
            resumed,
        }))
    }
}

/// Who says to be that user and proves nothing.
fn unproven(user: &UserId) -> Option<Came> {
    let scheme = Scheme::Hmac;
    let voucher = Voucher::Door { scheme, by: UNPROVEN.into() };
    let user = user.clone();
    let came = Came { user, scheme, voucher, made_at: None, expires_at: None, resumed: None };
    (!came.user.is_visitor()).then_some(came)
}

/// Whether visitors of that page may come in: it may talk to the app, and is on the list for visitors, if there is one. Only browsers
/// say where they come from, and only from them other people's pages have to be kept.
fn may_visit(app: &AppContext, settings: &SchemeSettings, page: &FromPage) -> bool {
    let Some(origin) = &page.origin else { return true };
    let lists = |origins: &[PageOrigin]| origins.iter().any(|allowed| allowed.as_str() == origin);
    let to_the_app = if app.origins.is_empty() { page.own } else { lists(&app.origins) };
    to_the_app && (settings.origins.is_empty() || lists(&settings.origins))
}
