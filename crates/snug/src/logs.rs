//! Structured logs: lines of JSON, or of text. Only our own crates may say more than warnings, for what others log of a
//! request or a row is content.

use std::io;

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::{Layer, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::config::LogConfig;

/// Begins to log, to the standard error output.
pub(crate) fn start(config: &LogConfig) {
    // `snug` is the beginning of all our crates' names.
    let filter =
        Targets::new().with_default(config.level.min(LevelFilter::WARN)).with_target("snug", config.level);
    let lines = fmt::layer().with_writer(io::stderr);
    let layer = match config.json {
        true => lines.json().flatten_event(true).with_current_span(false).boxed(),
        false => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
}
