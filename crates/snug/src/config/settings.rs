//! The values of all keys, each with the place that set it: the page of defaults, a file, the environment, flags.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use toml::{Table, Value};

use super::keys::Key;

/// Where a value was set. It prints as what to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nowhere: it is the default.
    Default,
    /// In a TOML file.
    File(PathBuf),
    /// By a variable of the environment.
    Variable(String),
    /// By a flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// A value, and the place that set it.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) value: Value,
    pub(crate) source: Source,
}

/// The values of all keys that are set somewhere.
#[derive(Default)]
pub(crate) struct Settings(HashMap<&'static str, Setting>);

impl Settings {
    /// Gathers them; of two places the later one counts.
    ///
    /// # Errors
    /// A key or variable that is not known, or a value of the wrong type, with the place that has it.
    pub(crate) fn gather(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        flags: impl IntoIterator<Item = (&'static Key, String)>,
    ) -> Result<Self> {
        let mut settings = Self::default();
        if let Some(path) = file {
            let text = fs::read_to_string(path)
                .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
            settings.add_file(path, &text)?;
        }
        for (name, value) in variables {
            settings.add_variable(&name, &value)?;
        }
        for (key, text) in flags {
            settings.add_text(key, &text, Source::Flag(key.flag.clone()))?;
        }
        Ok(settings)
    }

    /// What is in force for a key.
    pub(crate) fn get(&self, key: &'static Key) -> Setting {
        let default = || Setting { value: key.default.clone(), source: Source::Default };
        self.0.get(key.path.as_str()).cloned().unwrap_or_else(default)
    }

    fn add_file(&mut self, path: &Path, text: &str) -> Result<()> {
        let source = Source::File(path.to_owned());
        // The library's own message would quote the line, which may hold a secret.
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map(|text| text.matches('\n').count() + 1);
            let place = line.map_or_else(String::new, |line| format!(" in line {line}"));
            anyhow!("{source} is not TOML{place}: {}", error.message())
        })?;
        for (name, value) in table {
            match value {
                Value::Table(section) => {
                    for (name_in_it, value) in section {
                        self.add_value(&format!("{name}.{name_in_it}"), value, &source)?;
                    }
                }
                value => self.add_value(&name, value, &source)?,
            }
        }
        Ok(())
    }

    fn add_value(&mut self, path: &str, value: Value, source: &Source) -> Result<()> {
        let Some(key) = Key::of(path) else { bail!("{source} has an unknown key: {path}") };
        if value.type_str() != key.default.type_str() {
            bail!("{path} in {source} is a {}, and must be a {}", value.type_str(), key.default.type_str());
        }
        self.0.insert(&key.path, Setting { value, source: source.clone() });
        Ok(())
    }

    fn add_variable(&mut self, name: &OsStr, value: &OsStr) -> Result<()> {
        if !name.as_encoded_bytes().starts_with(b"SNUG_") {
            return Ok(());
        }
        let shown = name.to_string_lossy();
        let text = value.to_str().with_context(|| format!("{shown} is not UTF-8"))?;
        match Key::all().iter().find(|key| key.variable() == *shown) {
            Some(key) => self.add_text(key, text, Source::Variable(shown.into_owned())),
            None if of_kubernetes(&shown, text) => Ok(()),
            None => bail!("the environment has an unknown variable: {shown}"),
        }
    }

    /// Takes a value that came as text.
    fn add_text(&mut self, key: &'static Key, text: &str, source: Source) -> Result<()> {
        let value = match &key.default {
            Value::Boolean(_) => text.parse().map(Value::Boolean).ok(),
            Value::Integer(_) => text.parse().map(Value::Integer).ok(),
            _ => Some(Value::String(text.to_owned())),
        };
        let value = value.with_context(|| format!("{source} must be a {}", key.default.type_str()))?;
        self.0.insert(&key.path, Setting { value, source });
        Ok(())
    }
}

/// Whether Kubernetes set the variable by itself: for a service whose name begins with `snug` it sets a dozen, such as
/// `SNUG_SERVICE_HOST` and `SNUG_DB_PORT_5432_TCP=tcp://…`, in every container beside it.
fn of_kubernetes(name: &str, value: &str) -> bool {
    let address = || ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let port_and_protocol = || {
        name.split("_PORT_").skip(1).any(|rest| {
            let (port, protocol) = rest.split_once('_').unwrap_or((rest, ""));
            port.parse::<u16>().is_ok()
                && ["TCP", "UDP", "SCTP"].iter().any(|name| protocol.starts_with(name))
        })
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT") && address()
        || port_and_protocol()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_variable(name: &str, value: &str) -> Result<Settings> {
        Settings::gather(None, [(name.into(), value.into())], [])
    }

    fn by_file(text: &str) -> Result<Settings> {
        let mut settings = Settings::default();
        settings.add_file(Path::new("snug.toml"), text)?;
        Ok(settings)
    }

    fn refusal(settings: Result<Settings>) -> String {
        settings.err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn the_later_place_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("snug.toml");
        fs::write(&file, "region = \"file\"\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n").unwrap();
        let key = |path| Key::of(path).unwrap();
        let settings = Settings::gather(
            Some(&file),
            [
                ("SNUG_LISTEN".into(), "127.0.0.1:2".into()),
                ("SNUG_REGION".into(), "variable".into()),
                ("HOME".into(), "/root".into()),
            ],
            [(key("listen"), "127.0.0.1:3".to_owned())],
        )
        .unwrap();
        let shown = |path| {
            let setting = settings.get(key(path));
            (setting.value.as_str().unwrap().to_owned(), setting.source.to_string())
        };
        assert_eq!(shown("listen"), ("127.0.0.1:3".into(), "--listen".into()));
        assert_eq!(shown("region"), ("variable".into(), "SNUG_REGION".into()));
        assert_eq!(shown("log.level"), ("warn".into(), file.display().to_string()));
        assert_eq!(shown("log.format"), ("text".into(), "the default".into()));
    }

    #[test]
    fn what_is_unknown_is_refused_with_its_place() {
        let variable = "the environment has an unknown variable: SNUG_LISTEM";
        assert_eq!(refusal(by_variable("SNUG_LISTEM", "x")), variable);
        assert_eq!(refusal(by_file("listem = \"x\"")), "snug.toml has an unknown key: listem");
        assert_eq!(refusal(by_file("[log]\ncolour = \"x\"")), "snug.toml has an unknown key: log.colour");
        assert_eq!(refusal(by_file("[colours]\nlog = 1")), "snug.toml has an unknown key: colours.log");
    }

    #[test]
    fn a_wrong_type_is_refused_with_its_place() {
        assert_eq!(refusal(by_variable("SNUG_BEHIND_PROXY", "yes")), "SNUG_BEHIND_PROXY must be a boolean");
        assert_eq!(
            refusal(by_variable("SNUG_CACHE_SECRETS_MIB", "1e3")),
            "SNUG_CACHE_SECRETS_MIB must be a integer"
        );
        let wrong = "behind_proxy in snug.toml is a string, and must be a boolean";
        assert_eq!(refusal(by_file("behind_proxy = \"true\"")), wrong);
    }

    #[test]
    fn a_file_that_is_not_toml_is_refused_without_quoting_it() {
        let refused = refusal(by_file("region = \"eu\"\n[store]\npostgres_url = \"postgres://hidden\n"));
        assert!(refused.starts_with("snug.toml is not TOML in line 3: "), "{refused}");
        assert!(!refused.contains("hidden"), "{refused}");
    }

    #[test]
    fn what_kubernetes_sets_is_passed_over() {
        for (name, value) in [
            ("SNUG_SERVICE_HOST", "10.0.0.1"),
            ("SNUG_SERVICE_PORT_HTTP", "80"),
            ("SNUG_PORT", "tcp://10.0.0.1:80"),
            ("SNUG_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("SNUG_DB_PORT_5432_TCP_ADDR", "10.0.0.1"),
        ] {
            assert!(by_variable(name, value).is_ok(), "{name}");
        }
        for (name, value) in [("SNUG_PORT", "8080"), ("SNUG_PORT_TCP", "1"), ("SNUG_HOST", "10.0.0.1")] {
            assert!(by_variable(name, value).is_err(), "{name}");
        }
    }
}
