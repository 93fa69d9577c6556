//! Flags: `--config`, and one for each key that is no secret. They are the same for every command.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, builder::ValueParser};

use super::keys::Key;

/// The heading of these flags in a command's help.
const HEADING: &str = "Configuration";

/// What the flags say about the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// The TOML file to read.
    pub(crate) file: Option<PathBuf>,
    /// The keys that were given, as text.
    pub(crate) values: Vec<(&'static Key, String)>,
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("A TOML file with the configuration; `snug config --defaults` prints one to begin with")
            .value_parser(ValueParser::path_buf())
            .global(true)
            .help_heading(HEADING);
        let flag = |key: &'static Key| {
            let flag =
                Arg::new(key.path.as_str()).long(key.flag.as_str()).help(key.about.as_str()).global(true);
            let flag = flag.help_heading(HEADING).hide_short_help(true);
            match key.default.is_bool() {
                true => {
                    flag.value_name("BOOL").num_args(0..=1).require_equals(true).default_missing_value("true")
                }
                false => flag.value_name("VALUE"),
            }
        };
        command.arg(file).args(Key::all().iter().filter(|key| !key.is_secret()).map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |key: &'static Key| {
            let text = matches.try_get_one::<String>(&key.path).ok().flatten()?;
            Some((key, text.clone()))
        };
        Ok(Self {
            file: matches.get_one::<PathBuf>("config").cloned(),
            values: Key::all().iter().filter_map(given).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
