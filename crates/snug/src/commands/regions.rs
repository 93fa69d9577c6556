//! `snug region report`: where each app's data lies, and what outside is asked for it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use snug_core::{Core, Settings};
use snug_model::{apps::App, ids::Region};

use super::apps;
use crate::{
    cli::ReportRegions,
    config::Config,
    parts::{self, Places},
};

/// What is asked outside for an app, and in which region it is declared to be.
struct Outward<'a> {
    what: &'static str,
    address: &'a str,
    region: Option<&'a Region>,
}

/// Prints it, app by app.
pub(crate) async fn report(config: &Config, ReportRegions { json }: &ReportRegions) -> Result<()> {
    let places = parts::places(config)?;
    let core = parts::core(config).await?;
    apps::each(&core, |app| match json {
        true => println!("{}", as_json(app, core.settings(), &places)),
        false => println!("{}", as_text(app, core.settings(), &places)),
    })
    .await
}

/// Refuses to serve an app that keeps in its region by what is not declared to be there.
///
/// # Errors
/// That there is one.
pub(crate) async fn check(core: &Core) -> Result<()> {
    let settings = core.settings();
    let Some(outside) = settings.asked_elsewhere() else { return Ok(()) };
    let mut keeps = None;
    apps::each(core, |app| {
        if app.settings.keep_in_region {
            keeps.get_or_insert_with(|| app.id.clone());
        }
    })
    .await?;
    ensure!(
        keeps.is_none(),
        "{} ({}) is not declared to be in `{}`, in which the app {} keeps (settings.keep_in_region)",
        outside.setting,
        outside.address,
        settings.region.as_str(),
        keeps.map(|app| app.to_string()).unwrap_or_default()
    );
    Ok(())
}

/// What this server asks for all its apps first, then what the app itself makes it ask.
fn outward<'a>(app: &'a App, settings: &'a Settings) -> impl Iterator<Item = Outward<'a>> {
    let of_all = settings.outside.iter().map(|outside| Outward {
        what: outside.setting,
        address: &outside.address,
        region: outside.region.as_ref(),
    });
    let issuers = app.settings.identity.issuers.iter();
    of_all.chain(issuers.map(|issuer| Outward {
        what: "issuer",
        address: &issuer.jwks,
        region: issuer.region.as_ref(),
    }))
}

fn as_json(app: &App, settings: &Settings, Places { data, keys }: &Places) -> Value {
    let outward: Vec<Value> = outward(app, settings)
        .map(|Outward { what, address, region }| {
            json!({ "for": what, "address": address, "region": region.map(Region::as_str) })
        })
        .collect();
    json!({
        "id": app.id.as_str(),
        "region": app.region.as_str(),
        "data": data,
        "keys": keys,
        "keep_in_region": app.settings.keep_in_region,
        "outward": outward,
    })
}

fn as_text(app: &App, settings: &Settings, Places { data, keys }: &Places) -> String {
    let keeps = if app.settings.keep_in_region { ", and keeps in it" } else { "" };
    let (id, region) = (&app.id, app.region.as_str());
    let mut text = format!("{id} belongs to the region {region}{keeps}\n  data    {data}\n  keys    {keys}");
    for Outward { what, address, region } in outward(app, settings) {
        let region = region.map_or("not declared", Region::as_str);
        text.push_str(&format!("\n  {what}  {address}: {region}"));
    }
    text
}
