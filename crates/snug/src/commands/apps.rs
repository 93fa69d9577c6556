//! `snug app`: make and list apps.

use anyhow::Result;
use serde_json::json;
use snug_core::{Core, PageAsk};
use snug_model::{
    Actor, AppKey,
    apps::{App, AppDraft},
    limits,
    text::Name,
};

use crate::{
    cli::{AppCommand, CreateApp, ListApps},
    config::Config,
    parts,
};

/// Who has the data folder acts for the installation.
const OPERATOR: Actor = Actor::System(AppKey::INSTALLATION);

pub(crate) async fn run(config: &Config, command: &AppCommand) -> Result<()> {
    match command {
        AppCommand::Create(create) => self::create(config, create).await,
        AppCommand::List(list) => self::list(config, list).await,
    }
}

async fn create(config: &Config, CreateApp { name, json }: &CreateApp) -> Result<()> {
    let draft = AppDraft { name: Name::parse(name)?, region: None };
    let app = parts::core(config).await?.create_app(&OPERATOR, &draft, None).await?;
    match json {
        true => println!("{}", shown(&app)),
        false => println!("{}", app.id),
    }
    Ok(())
}

async fn list(config: &Config, ListApps { json }: &ListApps) -> Result<()> {
    let core = parts::core(config).await?;
    each(&core, |app| match json {
        true => println!("{}", shown(app)),
        false => println!("{} {}", app.id, app.name.as_str()),
    })
    .await
}

/// Does something for each app, in the order in which they were made.
pub(super) async fn each(core: &Core, mut with: impl FnMut(&App)) -> Result<()> {
    let mut cursor = None;
    loop {
        let page = PageAsk {
            cursor: cursor.as_deref(),
            descending: false,
            limit: limits::PAGE_ITEMS_MAX as i64,
            query: "app list",
        };
        let listed = core.list_apps(&OPERATOR, &page).await?;
        listed.items.iter().for_each(&mut with);
        match listed.next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}

fn shown(app: &App) -> serde_json::Value {
    json!({ "id": app.id.as_str(), "name": app.name.as_str(), "region": app.region.as_str() })
}
