//! `snug check`: walks the store, and says what is wrong with it.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use snug_core::{
    Parts,
    sealing::{OpenError, Sealer},
};
use snug_store::{SealedAt, Store, WalkFrom};

use crate::{
    config::{Config, StoreConfig},
    parts,
};

/// Sealed values that are looked at together: their secrets come in one query.
const VALUES_AT_ONCE: i64 = 1_000;

/// Prints everything that is wrong, a line each; how many it was.
pub(crate) async fn run(config: &Config) -> Result<usize> {
    if matches!(config.store, StoreConfig::Sqlite) {
        // Or else it would be made, and found to be in order.
        let data_dir = &config.data_dir;
        ensure!(parts::has_data(data_dir), "there is no data in {} to check", data_dir.display());
    }
    let Parts { store, sealer, .. } = parts::open(config).await?;
    let findings = store.check().await.context("the structure cannot be checked")?;
    for finding in &findings {
        println!("{}: {}", finding.place, finding.what);
    }
    Ok(findings.len() + unreadable(&store, &sealer).await.context("the sealed values cannot be checked")?)
}

/// Prints the values that do not open where they lie; how many it was. Those whose secrets were destroyed are as they should be: on
/// the error output it says how many wait to be removed.
async fn unreadable(store: &Arc<dyn Store>, sealer: &Sealer) -> Result<usize> {
    let (mut from, mut found, mut destroyed) = (Some(WalkFrom::default()), 0, 0);
    while let Some(place) = from {
        let page = store.walk(place, VALUES_AT_ONCE).await?;
        let opener = sealer.opener_across(page.values.iter().map(|at| (at.app, &at.sealed))).await?;
        for at in &page.values {
            match opener.check(at) {
                Ok(()) => {}
                Err(OpenError::Destroyed) => destroyed += 1,
                Err(error) => {
                    println!("{}: {error}", shown(at));
                    found += 1;
                }
            }
        }
        from = page.next;
    }
    if destroyed > 0 {
        eprintln!("{destroyed} sealed values are left whose secrets were destroyed: nobody can read them.");
    }
    Ok(found)
}

/// Where a value lies: numbers and ids of Snug, never what somebody wrote.
fn shown(at: &SealedAt) -> String {
    format!("app {}, {:?}", at.app, at.place)
}
