//! Talks in one conversation as one user: what is typed is sent, line by line, and what others say is printed.
//!
//! `SNUG_TOKEN=<access token> talk <server> <app> <conversation>`, as `cargo xtask run` prints it.

use anyhow::{Context, Result, bail};
use snug_client::wire::{
    ids::{AppId, ConversationId, MessageId, UserId},
    messages::{Message, Sender},
    secrets::AccessToken,
    socket::{HelloRequest, HistoryRequest, Push, SendRequest},
};
use snug_client::{Endpoint, Event, Events, Session};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

#[tokio::main]
async fn main() -> Result<()> {
    let [server, app, conversation] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().ok().context(USAGE)?;
    let token = AccessToken::new(std::env::var("SNUG_TOKEN").context(USAGE)?);
    let app: AppId = app.parse()?;
    let conversation: ConversationId = conversation.parse()?;

    let hello = HelloRequest { token, client: Some("snug-talk/0.1".parse()?), since: None };
    let (session, events, hello) = Session::connect(&Endpoint::new(&server)?, &app, hello).await?;
    eprintln!("You are {}. Type a line to send it.", hello.user.id.as_str());

    let newest = HistoryRequest {
        conversation: conversation.clone(),
        before: None,
        after: None,
        around: None,
        limit: Default::default(),
        cursor: None,
    };
    session.history(newest).await?.items.iter().for_each(print);
    tokio::try_join!(print_events(events, &conversation), send_lines(&session, &conversation)).map(drop)
}

const USAGE: &str = "usage: SNUG_TOKEN=<access token> talk <server> <app> <conversation>";

/// Prints what others say, until the connection is over.
async fn print_events(mut events: Events, conversation: &ConversationId) -> Result<()> {
    loop {
        match events.next().await {
            Event::Push(push) => match *push {
                Push::Message { message, .. } if message.conversation == *conversation => print(&message),
                _ => {}
            },
            Event::Lagged => eprintln!("(some messages were missed: start again to see them)"),
            Event::Closed(closed) => bail!("the server closed: {closed:?}"),
            Event::Written(_) | Event::Unknown(_) => {}
        }
    }
}

/// Sends each line of the input; at its end there is still something to hear.
async fn send_lines(session: &Session, conversation: &ConversationId) -> Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if line.is_empty() {
            continue;
        }
        let request = SendRequest {
            conversation: conversation.clone(),
            id: new_message_id()?,
            text: Some(line.parse()?),
            attributes: None,
            reply_to: None,
            mentions: Default::default(),
        };
        // A refusal ends with this line, not with the conversation.
        if let Err(error) = session.send(request).await {
            eprintln!("(not sent: {error})");
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program of its own is where time and chance come in")]
fn new_message_id() -> Result<MessageId> {
    Ok(uuid::Uuid::now_v7().to_string().parse()?)
}

fn print(message: &Message) {
    let sender = match &message.sender {
        Sender::User { user } => user.as_ref().map_or("(erased)", UserId::as_str),
        Sender::Bot { .. } => "(bot)",
        Sender::System { .. } => "(system)",
    };
    let text = message.text.as_ref().and_then(Option::as_ref);
    println!("{:>4}  {sender}: {}", message.seq.0.0, text.map_or("(deleted)", |text| text.as_str()));
}
