//! `snug keys rotate`: replaces the master key, or what wraps an app's secrets.

use anyhow::{Context, Result};
use snug_core::{
    Parts,
    clock::{Clock, SystemClock},
    sealing::Rotated,
};
use snug_model::AppId;
use snug_store::AppRef;

use crate::{
    cli::{KeysCommand, RotateKeys},
    config::Config,
    parts,
};

pub(crate) async fn run(config: &Config, command: &KeysCommand) -> Result<()> {
    let KeysCommand::Rotate(RotateKeys { app }) = command;
    let Parts { store, sealer, .. } = parts::open(config).await?;
    let rotated = match app {
        Some(app) => {
            let id = AppId::parse(app)?;
            let found = store.app(AppRef::Id(id), SystemClock.now()).await?;
            let found = found.with_context(|| format!("there is no app {app}"))?;
            let told = |secrets| eprintln!("{secrets} secrets of {app} are wrapped anew …");
            let rotated = sealer.rotate_app(found.app.key, told).await?;
            println!("The secrets of {app} are wrapped by {}.", rotated.key);
            rotated
        }
        None => {
            let told = |apps| eprintln!("{apps} apps are dealt with …");
            let rotated = sealer.rotate_master(told).await?;
            println!("The master key is {}.", rotated.key);
            rotated
        }
    };
    say(config, rotated);
    Ok(())
}

fn say(config: &Config, Rotated { secrets, unreadable, old_is_left, .. }: Rotated) {
    println!("{secrets} secrets were wrapped anew.");
    if unreadable > 0 {
        println!(
            "{unreadable} open under no key and were left as they are: `snug check` says what they locked."
        );
    }
    if old_is_left && unreadable == 0 {
        println!(
            "{} gives the old master key still, which nothing needs any more: take it away.",
            config.master_key
        );
    }
}
