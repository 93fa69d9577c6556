//! The one typed configuration: commented defaults compiled in, a TOML file, variables, flags. Unknown keys are refused, and
//! what is wrong is said with the place that said it.

mod flags;
mod keys;
mod settings;

use std::{
    collections::HashMap,
    env, fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use ipnet::IpNet;
use snug_api::Proxies;
use snug_core::{Outside, sealing::KeySource};
use snug_model::{ids::Region, secret::SecretText};
use tracing_subscriber::filter::LevelFilter;

pub(crate) use flags::Flags;
pub(crate) use keys::DEFAULTS;
use keys::Key;
use settings::{Setting, Settings};

use crate::files;

/// What the reason of a close frame has at most (RFC 6455, section 5.5).
const CLOSE_REASON_BYTES_MAX: usize = 123;

/// What is printed in a secret's place.
const MASK: &str = "********";

/// How this program runs.
pub(crate) struct Config {
    /// Where REST and sockets are served.
    pub(crate) listen: SocketAddr,
    /// Whether a proxy that does TLS stands in front.
    pub(crate) behind_proxy: bool,
    /// The proxies in front, and how they say where a request comes from.
    pub(crate) proxies: Proxies,
    /// Addresses that may be asked although not everybody reaches them.
    pub(crate) outbound_allowed: Vec<IpNet>,
    /// The folder of everything that is kept.
    pub(crate) data_dir: PathBuf,
    /// The region of apps that are made here.
    pub(crate) region: Region,
    /// Where other regions are served.
    pub(crate) other_regions: HashMap<Region, String>,
    /// Where the master key comes from.
    pub(crate) master_key: KeySource,
    /// What is asked for the master key, where that is a service.
    pub(crate) key_service: Option<Outside>,
    /// The files of the certificate, where Snug itself does TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// Where metrics are served, if anywhere.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// What keeps the data.
    pub(crate) store: StoreConfig,
    /// What is logged.
    pub(crate) log: LogConfig,
    /// Memory that the process may take.
    pub(crate) memory_budget_bytes: usize,
    /// Memory for unwrapped secrets.
    pub(crate) secrets_cache_bytes: usize,
}

/// The files of a certificate, in PEM.
pub(crate) struct TlsFiles {
    /// The certificate and what leads to its root.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

/// What keeps the data.
pub(crate) enum StoreConfig {
    /// Files in the data folder.
    Sqlite,
    /// Two databases of PostgreSQL.
    Postgres {
        /// That of the data.
        url: SecretText,
        /// That of the keys.
        keys_url: SecretText,
    },
}

/// What is logged, and how.
pub(crate) struct LogConfig {
    /// How much.
    pub(crate) level: LevelFilter,
    /// Whether a line is a JSON object.
    pub(crate) json: bool,
}

/// The configuration of this process: its flags, its environment, the file that the flags name.
pub(crate) fn settings(flags: &Flags) -> Result<Settings> {
    let variables = env::vars_os();
    #[cfg(feature = "controls")]
    let variables = variables.filter(|(name, _)| !crate::controls::is_variable(name));
    Settings::gather(flags.file.as_deref(), variables, flags.values.iter().cloned())
}

impl Config {
    /// Reads the values and checks each by itself, and that those which belong together fit.
    ///
    /// # Errors
    /// What is wrong, with the place that set it; never with a secret.
    pub(crate) fn of(settings: &Settings) -> Result<Self> {
        let read = Reader(settings);
        let data_dir = read.path("data_dir")?.context("data_dir must not be empty")?;
        let region =
            read.parsed("region", |text| Region::parse(text).map_err(|invalid| anyhow!(invalid.reason)))?;
        Ok(Self {
            listen: read.address("listen")?.context("listen must not be empty")?,
            behind_proxy: read.boolean("behind_proxy"),
            proxies: read.proxies()?,
            other_regions: read.regions("other_regions")?,
            outbound_allowed: read.blocks("outbound.allowed_addresses")?,
            key_service: read.key_service()?,
            master_key: read.master_key(&data_dir)?,
            tls: read.tls()?,
            metrics_listen: read.address("metrics.listen")?,
            store: read.store()?,
            log: LogConfig {
                level: read.parsed("log.level", |level| match level {
                    "error" => Ok(LevelFilter::ERROR),
                    "warn" => Ok(LevelFilter::WARN),
                    "info" => Ok(LevelFilter::INFO),
                    "debug" => Ok(LevelFilter::DEBUG),
                    "trace" => Ok(LevelFilter::TRACE),
                    _ => bail!("must be `error`, `warn`, `info`, `debug` or `trace`"),
                })?,
                json: read.parsed("log.format", |format| match format {
                    "json" => Ok(true),
                    "text" => Ok(false),
                    _ => bail!("must be `json` or `text`"),
                })?,
            },
            memory_budget_bytes: read.mebibytes("memory.budget_mib")?,
            secrets_cache_bytes: read.mebibytes("cache.secrets_mib")?,
            data_dir,
            region,
        })
    }
}

/// Reads typed values.
struct Reader<'a>(&'a Settings);

impl Reader<'_> {
    fn setting(&self, path: &str) -> Setting {
        self.0.get(Key::of(path).expect("a key of the page"))
    }

    fn text(&self, path: &str) -> Setting {
        let setting = self.setting(path);
        debug_assert!(setting.value.is_str(), "{path} is a text");
        setting
    }

    /// A text, parsed; the error says which key, and where it was set, and not what it was.
    fn parsed<T>(&self, path: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let Setting { value, source } = self.text(path);
        parse(value.as_str().unwrap_or_default()).with_context(|| format!("{path} (set by {source})"))
    }

    fn boolean(&self, path: &str) -> bool {
        self.setting(path).value.as_bool().unwrap_or_default()
    }

    fn path(&self, path: &str) -> Result<Option<PathBuf>> {
        self.parsed(path, |text| Ok((!text.is_empty()).then(|| PathBuf::from(text))))
    }

    fn address(&self, path: &str) -> Result<Option<SocketAddr>> {
        self.parsed(path, |text| match text {
            "" => Ok(None),
            text => Ok(Some(text.parse().context("must be an address and a port, such as 127.0.0.1:8484")?)),
        })
    }

    fn mebibytes(&self, path: &str) -> Result<usize> {
        let Setting { value, source } = self.setting(path);
        let mebibytes = value.as_integer().and_then(|value| u32::try_from(value).ok()).filter(|it| *it > 0);
        let bytes = mebibytes.and_then(|mebibytes| usize::try_from(mebibytes).ok()?.checked_mul(1 << 20));
        bytes.with_context(|| format!("{path} (set by {source}): must be a number of MiB from 1 on"))
    }

    fn blocks(&self, path: &str) -> Result<Vec<IpNet>> {
        let block = |text: &str| {
            let alone = || text.parse().ok().map(|address: IpAddr| IpNet::from(address));
            text.parse()
                .ok()
                .or_else(alone)
                .context("must be addresses and CIDR blocks, with commas between them")
        };
        self.parsed(path, |text| {
            text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(block).collect()
        })
    }

    /// Regions and their addresses. An address is the reason of a close frame too, which has 123 bytes.
    fn regions(&self, path: &str) -> Result<HashMap<Region, String>> {
        let region = |text: &str| {
            let (name, address) =
                text.split_once('=').context("must be `name=address`, with commas between")?;
            let name = Region::parse(name.trim()).map_err(|invalid| anyhow!(invalid.reason))?;
            let address = address.trim();
            let fits = address.len() <= CLOSE_REASON_BYTES_MAX && address.starts_with("https://");
            ensure!(
                fits,
                "must have addresses that begin with `https://`, of {CLOSE_REASON_BYTES_MAX} bytes at most"
            );
            Ok((name, address.to_owned()))
        };
        self.parsed(path, |text| {
            text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(region).collect()
        })
    }

    fn proxies(&self) -> Result<Proxies> {
        let trusted = self.blocks("http.trusted_proxies")?;
        let header = self.parsed("http.forwarded_header", |text| {
            text.to_ascii_lowercase().parse().context("must be the name of a header")
        })?;
        Ok(Proxies { trusted, header })
    }

    /// Where the master key comes from: one of several places, for nobody could say which of two counts.
    fn master_key(&self, data_dir: &Path) -> Result<KeySource> {
        let value = self.given("master_key.value")?;
        let command = self.parsed("master_key.command", |text| {
            Ok(text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        })?;
        let age = match (self.path("master_key.age_file")?, self.path("master_key.age_identity_file")?) {
            (Some(file), Some(identity)) => Some(KeySource::Age { file, identity }),
            (None, None) => None,
            _ => bail!(
                "master_key.age_file and master_key.age_identity_file belong together: set both, or none"
            ),
        };
        let sources = [
            self.path("master_key.file")?.map(KeySource::File),
            value.map(KeySource::Value),
            (!command.is_empty()).then_some(KeySource::Command(command)),
            age,
        ];
        let mut sources = sources.into_iter().flatten();
        let source = sources.next().unwrap_or_else(|| KeySource::File(data_dir.join("master.key")));
        match sources.next() {
            None => Ok(source),
            Some(other) => bail!("{source} and {other} are both set: which of the two?"),
        }
    }

    /// The program that is asked for the master key; its arguments may hold what nobody should read in a report.
    fn key_service(&self) -> Result<Option<Outside>> {
        let program =
            self.parsed("master_key.command", |text| Ok(text.split_whitespace().next().map(str::to_owned)))?;
        let region = self.parsed("master_key.command_region", |text| {
            let region = (!text.is_empty()).then(|| Region::parse(text)).transpose();
            region.map_err(|invalid| anyhow!(invalid.reason))
        })?;
        ensure!(
            program.is_some() || region.is_none(),
            "master_key.command_region is set, and master_key.command is not: there is no key service to be there"
        );
        Ok(program.map(|address| Outside { setting: "master_key.command", address, region }))
    }

    fn tls(&self) -> Result<Option<TlsFiles>> {
        match (self.path("tls.certificate_file")?, self.path("tls.key_file")?) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (None, None) => Ok(None),
            _ => bail!("tls.certificate_file and tls.key_file belong together: set both, or none"),
        }
    }

    fn store(&self) -> Result<StoreConfig> {
        let (url, keys_url) = (self.secret("store.postgres_url")?, self.secret("store.postgres_keys_url")?);
        let backend = self.text("store.backend");
        match (backend.value.as_str(), url, keys_url) {
            (Some("postgres"), Some(url), Some(keys_url)) => Ok(StoreConfig::Postgres { url, keys_url }),
            (Some("postgres"), ..) => {
                bail!(
                    "store.backend is `postgres`, which needs store.postgres_url and store.postgres_keys_url"
                )
            }
            // Said and not used would be a surprise: the data would go elsewhere than somebody thinks.
            (Some("sqlite"), None, None) => Ok(StoreConfig::Sqlite),
            (Some("sqlite"), ..) => {
                bail!("store.backend is `sqlite`, and a URL of PostgreSQL is set: which of the two?")
            }
            _ => bail!("store.backend (set by {}): must be `sqlite` or `postgres`", backend.source),
        }
    }

    /// A secret: given itself, or in a file of `<path>_file`.
    fn secret(&self, path: &str) -> Result<Option<SecretText>> {
        match (self.given(path)?, self.path(&format!("{path}_file"))?) {
            (given, None) => Ok(given),
            (None, Some(file)) => read_secret(&file).map(Some).with_context(|| format!("{path}_file")),
            (Some(_), Some(_)) => bail!("{path} and {path}_file are both set: which of the two?"),
        }
    }

    /// A secret that is given itself.
    fn given(&self, path: &str) -> Result<Option<SecretText>> {
        let Setting { value, source } = self.text(path);
        let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { return Ok(None) };
        if let settings::Source::File(file) = &source {
            files::check_private(file, "the configuration file with a secret in it")?;
        }
        Ok(Some(SecretText::new(text.to_owned())))
    }
}

fn read_secret(file: &Path) -> Result<SecretText> {
    files::check_private(file, "the file of a secret")?;
    let text = SecretText::new(
        fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?,
    );
    let secret = text.expose().trim_end_matches(['\r', '\n']);
    ensure!(!secret.is_empty(), "{} is empty", file.display());
    Ok(SecretText::new(secret.to_owned()))
}

/// The values in force as a page of TOML, each with the place that set it. Secrets are masked.
pub(crate) fn shown(settings: &Settings) -> String {
    let (mut page, mut section) = (String::new(), "");
    for key in Key::all() {
        let (of, name) = key.section_and_name();
        if of != section {
            page.push_str(&format!("\n[{of}]\n"));
            section = of;
        }
        let Setting { value, source } = settings.get(key);
        let value = match value.as_str() {
            Some(text) if key.is_secret() && !text.is_empty() => MASK.into(),
            _ => value,
        };
        page.push_str(&format!("{name} = {value} # {source}\n"));
    }
    page
}
