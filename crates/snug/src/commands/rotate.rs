//! `snug keys rotate`: replaces the master key, or what wraps an app's secrets.

use anyhow::{Result, bail};
use snug_core::{Error, sealing::Rotated};
use snug_model::{Action, Actor, AppId, AppKey, audit::Act};

use crate::{
    cli::{KeysCommand, RotateKeys},
    config::Config,
    parts,
};

pub(crate) async fn run(config: &Config, command: &KeysCommand) -> Result<()> {
    let KeysCommand::Rotate(RotateKeys { app }) = command;
    let core = parts::core(config).await?;
    let rotated = match app {
        Some(app) => {
            let actor = match core.system_actor(&AppId::parse(app)?).await {
                Err(Error::NotFound) => bail!("there is no app {app}"),
                found => found?,
            };
            core.enter_begun(&actor, Action::ReadApp, Act::RotateKeys).await?;
            let told = |secrets| eprintln!("{secrets} secrets of {app} are wrapped anew …");
            let rotated = core.sealer().rotate_app(actor.app(), told).await?;
            println!("The secrets of {app} are wrapped by {}.", rotated.key);
            rotated
        }
        None => {
            let installation = Actor::System(AppKey::INSTALLATION);
            core.enter_begun(&installation, Action::ReadApp, Act::RotateKeys).await?;
            let told = |apps| eprintln!("{apps} apps are dealt with …");
            let rotated = core.sealer().rotate_master(told).await?;
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
