//! `snug accept-clock`: takes the clock as it is.

use anyhow::Result;

use crate::{config::Config, parts, version};

pub(crate) async fn run(config: &Config) -> Result<()> {
    let now = parts::core(config).await?.accept_clock().await?;
    println!("{}", version::written(now));
    Ok(())
}
