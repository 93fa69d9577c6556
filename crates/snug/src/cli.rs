//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use snug_model::limits;

use crate::config::Flags;

/// A chat back end in one binary.
#[derive(Parser)]
#[command(name = "snug", version, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve REST and sockets, until a signal says stop
    Serve,
    /// Print the configuration that is in force, with the place that set each key; secrets are masked
    Config(ShowConfig),
    /// Make and list apps
    #[command(subcommand)]
    App(AppCommand),
    /// Make and revoke API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Replace the keys under which secrets are kept, while the server runs
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Sign an access token with an API key of scope `tokens`, as a back end does
    Token(SignToken),
    /// Sign a message with an API key of scope `bot_messages`, as a back end does, for a page to carry
    SignMessage(SignMessage),
    /// Export the audit, print a signed head of it, and verify an export against copied heads
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Tell where data lies, and which addresses it is taken to
    #[command(subcommand)]
    Region(RegionCommand),
    /// Back up the data into one encrypted file, while the server runs, and read it back. The key store is not in it
    Backup(Backup),
    /// Restore the data from a backup into an empty place. Whoever was erased since is erased again
    Restore(Restore),
    /// Check the store: gaps, dangling rows, unreadable seals. Says what is wrong, and exits 1 then
    Check,
    /// Take the machine's clock as it is, where it went so far ahead that nothing is purged any more; prints the time
    AcceptClock,
    /// Print which program this is
    Version,
}

/// How the configuration is printed.
#[derive(Args)]
pub(crate) struct ShowConfig {
    /// Print the commented defaults instead
    #[arg(long)]
    pub(crate) defaults: bool,
}

/// Apps.
#[derive(Subcommand)]
pub(crate) enum AppCommand {
    /// Make an app, and print its id
    Create(CreateApp),
    /// Print the apps, a line each
    List(ListApps),
}

/// An app that is to be made.
#[derive(Args)]
pub(crate) struct CreateApp {
    /// What people call it
    #[arg(long)]
    pub(crate) name: String,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// How apps are printed.
#[derive(Args)]
pub(crate) struct ListApps {
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// The audit.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Print all entries, a JSON object a line, and a last line with their number
    Export(ChosenAudit),
    /// Print where the chain ends now, signed, as one line of JSON: to be kept where nobody who can write to the store can write
    Head(ChosenAudit),
    /// Verify receipts of erasures, a file each: the job's answer, or its receipt. It needs no store. Says which are not as they were
    /// signed, and exits 1 then
    Receipt(VerifyReceipts),
    /// Verify an export against heads that were copied before. It needs no store. Says what is wrong, and exits 1 then
    Verify(VerifyAudit),
}

/// Whose audit.
#[derive(Args)]
pub(crate) struct ChosenAudit {
    /// The app; the installation's own where nothing is said
    #[arg(long)]
    pub(crate) app: Option<String>,
}

/// Where a backup is to be.
#[derive(Args)]
pub(crate) struct Backup {
    /// A file that is not there yet
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

/// What is to be restored.
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
}

/// Receipts that are verified.
#[derive(Args)]
pub(crate) struct VerifyReceipts {
    /// The files
    #[arg(required = true)]
    pub(crate) receipts: Vec<PathBuf>,
}

/// What is verified.
#[derive(Args)]
pub(crate) struct VerifyAudit {
    /// A file of heads, a line each. The more there are, the narrower an alteration is bounded that was made by rewriting the chain
    #[arg(long, value_name = "FILE")]
    pub(crate) head: PathBuf,
    /// The export
    pub(crate) export: PathBuf,
}

/// Regions.
#[derive(Subcommand)]
pub(crate) enum RegionCommand {
    /// Print of each app where its data and its keys lie, and the addresses outside that are asked for it, with their declared regions
    Report(ReportRegions),
}

/// How regions are reported.
#[derive(Args)]
pub(crate) struct ReportRegions {
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// API keys.
#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key, and print it: this once
    Create(CreateKey),
    /// Revoke an API key, and wait until every running server knows: it opens nothing then, and its sessions are closed
    Revoke(RevokeKey),
}

/// The keys under which secrets are kept.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Replace the master key, or with --app what wraps an app's secrets: every secret is wrapped anew. Nobody waits for it, and where it
    /// was interrupted it goes on
    Rotate(RotateKeys),
}

/// What is to be replaced.
#[derive(Args)]
pub(crate) struct RotateKeys {
    /// The app, whose secrets are to be wrapped by a new one; the master key where nothing is said
    #[arg(long)]
    pub(crate) app: Option<String>,
}

/// An API key that is to be made.
#[derive(Args)]
pub(crate) struct CreateKey {
    /// The app that it is for
    #[arg(long, required_unless_present = "installation")]
    pub(crate) app: Option<String>,
    /// Make a key of the installation, which makes and lists apps and sees nothing in them
    #[arg(long, conflicts_with_all = ["app", "scopes", "may_mint"])]
    pub(crate) installation: bool,
    /// What people call it
    #[arg(long)]
    pub(crate) name: String,
    /// What it may be used for, such as users,conversations,messages:read
    #[arg(long, value_delimiter = ',', required_unless_present = "installation")]
    pub(crate) scopes: Vec<String>,
    /// The widest app role that its tokens can carry; the app's default role where nothing is said
    #[arg(long, value_name = "ROLE")]
    pub(crate) may_mint: Option<String>,
    /// The only addresses from which it may be used: addresses, or blocks such as 192.0.2.0/24
    #[arg(long, value_delimiter = ',', value_name = "ADDRESSES")]
    pub(crate) allowed_addresses: Vec<String>,
    /// When it ends by itself: a time such as 2027-01-31T12:00:00Z, or a while such as 90d
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// An API key that is to be revoked.
#[derive(Args)]
pub(crate) struct RevokeKey {
    /// Its id, key_…
    pub(crate) key: String,
}

/// An access token that is to be signed.
#[derive(Args)]
pub(crate) struct SignToken {
    /// The app
    #[arg(long)]
    pub(crate) app: String,
    #[command(flatten)]
    pub(crate) key: GivenKey,
    /// The user's id
    #[arg(long)]
    pub(crate) user: String,
    /// How long it lives, in seconds
    #[arg(long, default_value_t = limits::TOKEN_LIFE_S_DEFAULT as i64, value_name = "SECONDS")]
    pub(crate) ttl: i64,
    /// The only conversation that it reaches; may be repeated
    #[arg(long, value_name = "CONVERSATION")]
    pub(crate) only: Vec<String>,
    /// The only permission that it carries, such as message.send; may be repeated
    #[arg(long, value_name = "PERMISSION")]
    pub(crate) can: Vec<String>,
}

/// A message that is to be signed.
#[derive(Args)]
pub(crate) struct SignMessage {
    /// The app
    #[arg(long)]
    pub(crate) app: String,
    #[command(flatten)]
    pub(crate) key: GivenKey,
    /// The user whose page carries it
    #[arg(long)]
    pub(crate) user: String,
    /// Where it is to appear; the user's support conversation where nothing is said
    #[arg(long)]
    pub(crate) conversation: Option<String>,
    /// Who says it
    #[arg(long)]
    pub(crate) bot: String,
    /// What it says
    #[arg(long)]
    pub(crate) text: String,
    /// How long it may wait for its page, in seconds
    #[arg(long, default_value_t = limits::SIGNED_LIFE_S_MAX as i64, value_name = "SECONDS")]
    pub(crate) ttl: i64,
    /// The newest message that the conversation may have before it
    #[arg(long, value_name = "SEQ")]
    pub(crate) after_seq: Option<i64>,
}

/// An API key with which something is signed.
#[derive(Args)]
pub(crate) struct GivenKey {
    /// The API key, sk_…; others on the machine can see it while the command runs, so rather use --key-file
    #[arg(long, required_unless_present = "key_file", conflicts_with = "key_file")]
    pub(crate) key: Option<String>,
    /// A file that holds the API key; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}
