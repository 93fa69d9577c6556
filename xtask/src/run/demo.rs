//! The demo app: made at the first start with a key, two people and a conversation, and found again at the next.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{data, http, snug};

/// What the demo's back end does: it makes people and conversations, sends, and hands out tokens.
const SCOPES: &str = "users,conversations,messages,messages.as_user,tokens";

const PEOPLE: [(&str, &str); 2] = [("ann", "Ann"), ("ben", "Ben")];
const CONVERSATION: &str = "hello";

/// How long a demo's tokens live: as long as any may.
const TOKEN_TTL_S: &str = "86400";

/// A demo that can be used.
pub(super) struct Demo {
    server: SocketAddr,
    app: String,
    key: String,
    /// An access token for each of `PEOPLE`.
    tokens: Vec<String>,
}

impl Demo {
    /// Finds the demo of the running server, or makes it.
    pub(super) fn open(root: &Path, server: SocketAddr) -> Result<Self> {
        let file = data(root).join("demo.json");
        let (app, key) = match fs::read_to_string(&file) {
            Ok(text) => read(&text)
                .with_context(|| format!("{} is no demo; remove it for a new one", file.display()))?,
            Err(_) => create(root, server, &file)?,
        };
        let tokens = PEOPLE.iter().map(|(user, _)| token(root, &app, &key, user)).collect::<Result<_>>()?;
        Ok(Self { server, app, key, tokens })
    }

    /// Commands that can be pasted, and what they do.
    pub(super) fn explained(&self) -> String {
        let Self { server, app, key, tokens } = self;
        let [(ann, _), (ben, _)] = PEOPLE;
        let talk = |token| {
            format!("SNUG_TOKEN={token} target/debug/examples/talk http://{server} {app} {CONVERSATION}")
        };
        let messages = format!("http://{server}/v1/apps/{app}/conversations/{CONVERSATION}/messages");
        let uuid = if cfg!(target_os = "linux") { "cat /proc/sys/kernel/random/uuid" } else { "uuidgen" };
        format!(
            "
Snug serves http://{server} until Ctrl-C. A demo app has two people, {ann} and {ben}, in one conversation.

Be {ben}, in a second terminal, over a WebSocket. What others say appears; what you type is sent:

  {}

Be {ann}, in a third one:

  {}

Send as {ann} from your back end, by REST with an API key:

  curl -sS {messages} \\
    -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{\"id\":\"'$({uuid})'\",\"as\":{{\"user\":\"{ann}\"}},\"text\":\"Hello from the back end\"}}'

Read what was said:

  curl -sS '{messages}?limit=5' -H 'Authorization: Bearer {key}'
",
            talk(&tokens[1]),
            talk(&tokens[0]),
        )
    }
}

/// Makes the app and its key by the operator's commands, the rest by REST as a back end does, and notes them in `file`.
fn create(root: &Path, server: SocketAddr, file: &PathBuf) -> Result<(String, String)> {
    let app = field(&json_of(snug(root).args(["app", "create", "--name", "Demo", "--json"]))?, "id")?;
    let key = snug_key(root, &app)?;
    let put = |path: &str, body: Value| -> Result<()> {
        let answer = http::put(server, &format!("/v1/apps/{app}/{path}"), &key, &body.to_string())?;
        ensure!(answer.status < 300, "{path} cannot be made: {}", answer.body);
        Ok(())
    };
    for (user, name) in PEOPLE {
        put(&format!("users/{user}"), json!({ "name": name }))?;
    }
    put(&format!("conversations/{CONVERSATION}"), json!({ "name": "Hello" }))?;
    for (user, _) in PEOPLE {
        put(&format!("conversations/{CONVERSATION}/members/{user}"), json!({}))?;
    }
    let noted = json!({ "app": app, "key": key });
    let mut options = OpenOptions::new();
    let mut kept = options.write(true).create_new(true).mode(0o600).open(file)?;
    kept.write_all(noted.to_string().as_bytes())?;
    Ok((app, key))
}

fn snug_key(root: &Path, app: &str) -> Result<String> {
    let mut command = snug(root);
    command.args(["key", "create", "--app", app, "--name", "demo", "--scopes", SCOPES, "--json"]);
    field(&json_of(&mut command)?, "key")
}

/// Reads what [`create`] noted.
fn read(noted: &str) -> Result<(String, String)> {
    let noted: Value = serde_json::from_str(noted)?;
    Ok((field(&noted, "app")?, field(&noted, "key")?))
}

/// Signs an access token as a back end does, with the key's secret alone.
fn token(root: &Path, app: &str, key: &str, user: &str) -> Result<String> {
    let mut command = snug(root);
    command.args(["token", "--app", app, "--key-file", "-", "--user", user, "--ttl", TOKEN_TTL_S]);
    Ok(output_of(&mut command, key)?.trim().to_owned())
}

fn json_of(command: &mut Command) -> Result<Value> {
    Ok(serde_json::from_str(&output_of(command, "")?)?)
}

/// Runs an operator's command with `input`, and answers what it printed.
fn output_of(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{:?} failed", command.get_args().collect::<Vec<_>>());
    Ok(String::from_utf8(output.stdout)?)
}

fn field(value: &Value, name: &str) -> Result<String> {
    Ok(value.get(name).and_then(Value::as_str).with_context(|| format!("no field `{name}`"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_again() {
        let (app, key) = read("{\"app\":\"app_local_1\",\"key\":\"sk_1_2\"}").expect("a demo");
        assert_eq!((app.as_str(), key.as_str()), ("app_local_1", "sk_1_2"));
        assert!(read("{\"app\":\"app_local_1\"}").is_err());
    }

    #[test]
    fn a_command_gets_its_input_and_must_succeed() {
        assert_eq!(output_of(Command::new("cat").arg("-"), "in").expect("cat runs"), "in");
        assert!(output_of(Command::new("sh").args(["-c", "cat; exit 1"]), "").is_err());
    }

    #[test]
    fn what_is_printed_can_be_pasted() {
        let demo = Demo {
            server: SocketAddr::from(([127, 0, 0, 1], 8484)),
            app: "app_local_1".into(),
            key: "sk_1_2".into(),
            tokens: vec!["t.ann".into(), "t.ben".into()],
        };
        let text = demo.explained();
        assert!(text.contains(
            "  SNUG_TOKEN=t.ben target/debug/examples/talk http://127.0.0.1:8484 app_local_1 hello\n"
        ));
        // A shell must see the body as one JSON object, whatever the id.
        let body = text.lines().find_map(|line| line.trim().strip_prefix("-d ")).expect("a body");
        let printed =
            output_of(Command::new("sh").args(["-c", &format!("printf %s {body}")]), "").expect("sh runs");
        let body: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(body["as"]["user"], "ann");
        assert_eq!(body["id"].as_str().map(str::len), Some(36));
    }
}
