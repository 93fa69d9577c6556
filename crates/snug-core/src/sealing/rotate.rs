//! Replacing keys while everybody goes on: what is wrapped by the old one is wrapped by the new one, row by row.
//!
//! Readers are never in the way. Each row says by which key it is wrapped, both keys are there while it lasts, and what a reader
//! needs it reads in one snapshot. A writer keeps a secret only if the row that wraps it is still what it read, so that
//! nothing is kept under a key after that key's successor has begun to take its place.

use snug_model::{AppKey, secret::Secret32};
use snug_store::{Kept, SecretName, SecretsOf, StoreError, Swap, Wrapped};

use super::{
    error::SealingError,
    seal::Sealer,
    secrets::{INSTALLATION, Secrets},
    wrap::{KeyPrint, WrappingKey},
    wrappers::{Rows, Wrappers, by_master, why_none},
};

/// Secrets that are wrapped anew in one commit.
const REWRAPPED_AT_ONCE: u64 = 500;
/// How often a row is read anew that others change at the same time.
const TRIES_MAX: usize = 20;

/// What came of replacing a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// The key that is in force now.
    pub key: KeyPrint,
    /// How many secrets were wrapped anew.
    pub secrets: u64,
    /// Secrets that open under no key, and so were left.
    pub unreadable: u64,
    /// Whether where the master key comes from gives the old one still: it may go now.
    pub old_is_left: bool,
}

impl Sealer {
    /// Replaces what wraps an app's secrets by a new one; `told` hears how many secrets were dealt with so far. A replacement that was
    /// begun before is ended instead.
    ///
    /// # Errors
    /// See [`SealingError`]. Whatever happens, everything opens, and it can be done again.
    pub async fn rotate_app(
        &self,
        app: AppKey,
        told: impl FnMut(u64) + Send,
    ) -> Result<Rotated, SealingError> {
        self.secrets.rotate_app(app, told).await
    }

    /// Replaces the master key; `told` hears how many apps were dealt with so far. A replacement that was begun before is ended instead.
    ///
    /// # Errors
    /// As [`Self::rotate_app`]; [`super::MasterKeyError::One`] where the key comes from elsewhere than a file, and not both are given.
    pub async fn rotate_master(&self, told: impl FnMut(u64) + Send) -> Result<Rotated, SealingError> {
        self.secrets.rotate_master(told).await
    }
}

impl Secrets {
    async fn rotate_app(
        &self,
        app: AppKey,
        mut told: impl FnMut(u64) + Send,
    ) -> Result<Rotated, SealingError> {
        let wrappers = self.begin_app(app).await?;
        let (current, _) = wrappers.current()?;
        let mut rotated = Rotated { key: current.print(), secrets: 0, unreadable: 0, old_is_left: false };
        let mut after = None;
        loop {
            let page = self.keys.list_secrets(app, SecretsOf::Everything, after, REWRAPPED_AT_ONCE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            let mut swaps = Vec::with_capacity(page.len());
            for (name, from) in
                page.into_iter().filter(|(_, from)| KeyPrint::of(from) != Some(current.print()))
            {
                let Ok(secret) = wrappers.unwrap(name, &from) else {
                    rotated.unreadable += 1;
                    continue;
                };
                let to = current.wrap(self.random, name, &secret)?;
                swaps.push(Swap { name, from: Some(from), to: Some(to) });
            }
            // What is not as it was read was destroyed: nobody else changes it.
            rotated.secrets += self.keys.swap_secrets(swaps, false).await?;
            told(rotated.secrets);
        }
        self.end_app(app).await?;
        Ok(rotated)
    }

    /// Has a new secret wrap those of an app from here on, and keeps the one before beside it. Where that is so already it stays.
    async fn begin_app(&self, app: AppKey) -> Result<Wrappers, SealingError> {
        for _ in 0..TRIES_MAX {
            let (rows, installation) = self.above(app).await?;
            let begun = matches!(rows.before, Kept::Secret(_));
            if rows.top().is_none() {
                return Err(why_none(&rows.own).into());
            }
            let (wrapping, own) = (rows.wrapping.clone(), rows.own.clone());
            let wrappers = self.open(app, rows).await?;
            if begun {
                return Ok(wrappers);
            }
            let own_secret = wrappers.own.clone()?;
            let (wrapping_name, own_name) = (SecretName::Wrapping(app), SecretName::App(app));
            let master = self.master.keys();
            let old = match &wrapping {
                Kept::Secret(old) => by_master(&master, wrapping_name, old)??,
                _ => Secret32(own_secret.0),
            };
            let new = Secret32(self.random.bytes()?);
            let key = WrappingKey::of(&new)?;
            // The installation's row says which master key is in force; that it is the same still is a part of the act.
            let needed = KeyPrint::of(&installation).ok_or(super::OpenError::Tampered)?;
            let given = master.current().print();
            let by = master.find(needed).ok_or(SealingError::WrongMasterKey { needed, given })?;
            let before = SecretName::WrappingBefore(app);
            let kept = |kept: &Kept| match kept {
                Kept::Secret(wrapped) => Some(wrapped.clone()),
                Kept::Nothing | Kept::Destroyed => None,
            };
            let swaps = vec![
                Swap { name: INSTALLATION, from: Some(installation.clone()), to: Some(installation) },
                Swap {
                    name: wrapping_name,
                    from: kept(&wrapping),
                    to: Some(by.wrap(self.random, wrapping_name, &new)?),
                },
                Swap {
                    name: own_name,
                    from: kept(&own),
                    to: Some(key.wrap(self.random, own_name, &own_secret)?),
                },
                Swap { name: before, from: None, to: Some(key.wrap(self.random, before, &old)?) },
            ];
            self.keys.swap_secrets(swaps, true).await?;
        }
        Err(StoreError::Changed.into())
    }

    /// Destroys the secret that wrapped an app's secrets before: nothing is under it any more.
    async fn end_app(&self, app: AppKey) -> Result<(), SealingError> {
        let before = SecretName::WrappingBefore(app);
        if let [Kept::Secret(old)] = &self.keys.secrets(&[before]).await?[..] {
            self.keys
                .swap_secrets(vec![Swap { name: before, from: Some(old.clone()), to: None }], true)
                .await?;
        }
        Ok(())
    }

    async fn rotate_master(&self, mut told: impl FnMut(u64) + Send) -> Result<Rotated, SealingError> {
        self.master.begin_rotation(self.random).await?;
        let key = self.master.print();
        let mut rotated = Rotated { key, secrets: 0, unreadable: 0, old_is_left: false };
        // First the installation's, which says from then on by which key new apps are wrapped; and so none is made under the old one
        // after those that are there were counted.
        let (mut app, mut apps) = (Some(AppKey::INSTALLATION), 0);
        while let Some(of) = app {
            match self.rewrap_top(of, key).await? {
                Some(true) => rotated.secrets += 1,
                Some(false) => {}
                None => rotated.unreadable += 1,
            }
            apps += 1;
            told(apps);
            app = self.keys.app_after(Some(of)).await?;
        }
        rotated.old_is_left = rotated.unreadable > 0 || !self.master.end_rotation(self.random).await?;
        Ok(rotated)
    }

    /// Wraps the topmost secret of an app by the current master key; whether it was not before. None where it opens under no key.
    async fn rewrap_top(&self, app: AppKey, current: KeyPrint) -> Result<Option<bool>, SealingError> {
        for _ in 0..TRIES_MAX {
            let (rows, _) = self.above(app).await?;
            let name = match rows.wrapping {
                Kept::Secret(_) => SecretName::Wrapping(app),
                Kept::Nothing | Kept::Destroyed => SecretName::App(app),
            };
            // A deleted app has none.
            let Some(from) = rows.top().cloned() else { return Ok(Some(false)) };
            if KeyPrint::of(&from) == Some(current) {
                return Ok(Some(false));
            }
            let master = self.master.keys();
            let Ok(Ok(secret)) = by_master(&master, name, &from) else { return Ok(None) };
            let to = master.current().wrap(self.random, name, &secret)?;
            let swap = Swap { name, from: Some(from), to: Some(to) };
            if self.keys.swap_secrets(vec![swap], true).await? == 1 {
                return Ok(Some(true));
            }
        }
        Err(StoreError::Changed.into())
    }

    /// What is above an app's secrets, and the installation's row.
    async fn above(&self, app: AppKey) -> Result<(Rows, Wrapped), SealingError> {
        let names =
            [SecretName::Wrapping(app), SecretName::WrappingBefore(app), SecretName::App(app), INSTALLATION];
        let kept: [Kept; 4] = self.keys.secrets(&names).await?.try_into().map_err(|_| {
            StoreError::Corrupt("the key store's answer is not as long as the question".into())
        })?;
        let [wrapping, before, own, installation] = kept;
        let Kept::Secret(installation) = installation else {
            return Err(super::OpenError::Unreadable.into());
        };
        Ok((Rows { wrapping, before, own }, installation))
    }
}
