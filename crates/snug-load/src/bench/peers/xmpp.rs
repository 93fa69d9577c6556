//! What is needed of XMPP's protocol: a stream (RFC 6120), SASL PLAIN (RFC 4616) and multi-user chats (XEP-0045), without
//! encryption, on loopback.

use std::ops::Range;

use anyhow::{Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::Heard;
use super::line::{Line, find};

/// The server's own name.
pub(super) const DOMAIN: &str = "localhost";

/// Everybody's password.
pub(super) const PASSWORD: &str = "secret";

/// How a client begins a stream.
pub(super) const OPENING: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";

/// What ends the server's side of the beginning.
const FEATURES: &str = "</stream:features>";

/// Characters that XML would have escaped, which the link does in neither direction.
const ESCAPED: [char; 5] = ['<', '>', '&', '\'', '"'];

/// A user's connection.
pub struct XmppLink {
    line: Line,
    /// How its own messages are told: the end of their sender, its name in the conversation.
    own: String,
}

impl XmppLink {
    /// Connects a user to the server on `port`, and joins these conversations.
    pub(super) async fn connect(port: u16, user: usize, conversations: &[u64]) -> Result<XmppLink> {
        let mut link = XmppLink { line: Line::connect(port).await?, own: format!("/u{user}") };
        let credentials = BASE64_STANDARD.encode(format!("\0u{user}\0{PASSWORD}"));
        link.write(OPENING).await?;
        link.line.take_until(FEATURES).await?;
        link.write(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{credentials}</auth>"
        ))
        .await?;
        let answer = link.stanza().await?;
        ensure!(link.bytes(&answer).starts_with(b"<success"), "no sign-in: {}", link.show(answer));
        link.write(OPENING).await?;
        link.line.take_until(FEATURES).await?;
        link.write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await?;
        let answer = link.stanza().await?;
        ensure!(find(link.bytes(&answer), b"type='result'").is_some(), "no session: {}", link.show(answer));
        link.join(user, conversations).await?;
        Ok(link)
    }

    /// Joins conversations, without their history. What is said meanwhile is passed over.
    async fn join(&mut self, user: usize, conversations: &[u64]) -> Result<()> {
        for conversation in conversations {
            let address = address(*conversation);
            let presence = format!(
                "<presence to='{address}/u{user}'><x xmlns='http://jabber.org/protocol/muc'>\
                 <history maxstanzas='0'/></x></presence>"
            );
            self.line.outgoing().extend(presence.as_bytes());
        }
        self.line.flush().await?;
        let mut left = conversations.len();
        while left > 0 {
            let stanza = self.stanza().await?;
            let presence = self.bytes(&stanza);
            if !presence.starts_with(b"<presence") {
                continue;
            }
            ensure!(find(presence, b"type='error'").is_none(), "cannot join: {}", self.show(stanza));
            // Status 110: this presence is one's own (XEP-0045, section 7.2.2).
            left -= usize::from(find(presence, b"<status code='110'/>").is_some());
        }
        Ok(())
    }

    /// Sends a message, and does not wait for the answer.
    ///
    /// # Errors
    /// That `text` has a character that XML escapes; or that the server has closed the connection.
    pub async fn send(&mut self, conversation: u64, text: &str) -> Result<()> {
        ensure!(!text.contains(ESCAPED), "a text without markup");
        let out = self.line.outgoing();
        for part in
            ["<message to='", &address(conversation), "' type='groupchat'><body>", text, "</body></message>"]
        {
            out.extend(part.as_bytes());
        }
        self.line.flush().await
    }

    /// Waits for what comes next. Dropping the wait loses nothing.
    ///
    /// One's own message comes back like everybody else's, after it was archived: that is its answer.
    ///
    /// # Errors
    /// That the server refuses a message; or that it has ended the stream.
    pub async fn hear(&mut self) -> Result<Heard<'_>> {
        loop {
            let stanza = self.stanza().await?;
            let bytes = self.bytes(&stanza);
            if !bytes.starts_with(b"<message ") {
                continue;
            }
            let Some(text) = body(bytes) else {
                // The subject, which follows a join, has no body either.
                ensure!(find(bytes, b"type='error'").is_none(), "refused: {}", self.show(stanza));
                continue;
            };
            let is_own = sender(bytes).is_some_and(|sender| sender.ends_with(self.own.as_bytes()));
            let text = self.line.bytes(stanza.start + text.start..stanza.start + text.end);
            return Ok(if is_own { Heard::Answered(text) } else { Heard::Delivered(text) });
        }
    }

    /// Asks whether the server is there (XEP-0199), and waits for its answer.
    pub async fn beat(&mut self) -> Result<()> {
        self.write("<iq type='get' id='beat'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
        loop {
            let stanza = self.stanza().await?;
            if self.bytes(&stanza).starts_with(b"<iq ") {
                return Ok(());
            }
        }
    }

    async fn write(&mut self, text: &str) -> Result<()> {
        self.line.outgoing().extend(text.as_bytes());
        self.line.flush().await
    }

    /// Waits for the next stanza, and answers where it is.
    async fn stanza(&mut self) -> Result<Range<usize>> {
        loop {
            let pending = self.line.pending();
            if pending.starts_with(b"</") || pending.starts_with(b"<stream:error") {
                bail!("the server ends the stream: {}", String::from_utf8_lossy(pending));
            }
            if let Some(length) = element_length(pending) {
                let start = self.line.take(length);
                return Ok(start..start + length);
            }
            self.line.fill().await?;
        }
    }

    fn bytes(&self, stanza: &Range<usize>) -> &[u8] {
        self.line.bytes(stanza.clone())
    }

    fn show(&self, stanza: Range<usize>) -> String {
        String::from_utf8_lossy(self.line.bytes(stanza)).into_owned()
    }
}

fn address(conversation: u64) -> String {
    format!("c{conversation}@conference.{DOMAIN}")
}

/// Who sent a stanza: ejabberd quotes attributes with apostrophes, and escapes those within.
fn sender(stanza: &[u8]) -> Option<&[u8]> {
    let start = find(stanza, b" from='")? + b" from='".len();
    let length = stanza[start..].iter().position(|byte| *byte == b'\'')?;
    Some(&stanza[start..start + length])
}

/// Where the text of a message is.
fn body(stanza: &[u8]) -> Option<Range<usize>> {
    let start = find(stanza, b"<body>")? + b"<body>".len();
    let length = stanza[start..].iter().position(|byte| *byte == b'<')?;
    Some(start..start + length)
}

/// How long the first element of `bytes` is with all that it holds; none if not all of it is there.
///
/// ejabberd writes no comments and no CDATA, and escapes `>` in attributes.
fn element_length(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let tag = at + bytes[at..].iter().position(|byte| *byte == b'<')?;
        let end = tag + bytes[tag..].iter().position(|byte| *byte == b'>')?;
        if bytes[tag + 1] == b'/' {
            depth = depth.saturating_sub(1);
        } else if bytes[end - 1] != b'/' {
            depth += 1;
        }
        at = end + 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

impl XmppLink {
    /// The texts that the archive has of a conversation that the user is in, oldest first (XEP-0313, XEP-0059).
    pub async fn archive(&mut self, conversation: u64) -> Result<Vec<Vec<u8>>> {
        let mut texts = Vec::new();
        let mut after = String::new();
        loop {
            self.write(&format!(
                "<iq type='set' id='archive' to='{}'><query xmlns='urn:xmpp:mam:2'>\
                 <set xmlns='http://jabber.org/protocol/rsm'><max>100</max>{after}</set></query></iq>",
                address(conversation)
            ))
            .await?;
            let end = loop {
                let stanza = self.stanza().await?;
                let bytes = self.bytes(&stanza);
                if bytes.starts_with(b"<iq ") {
                    break self.show(stanza);
                }
                if let (Some(_), Some(text)) = (find(bytes, b"<result "), body(bytes)) {
                    texts.push(bytes[text].to_vec());
                }
            };
            ensure!(end.contains("type='result'"), "no archive: {end}");
            if end.contains("complete='true'") {
                return Ok(texts);
            }
            let last = end.split_once("<last>").and_then(|(_, rest)| rest.split_once("</last>"));
            let Some((last, _)) = last else { bail!("no end of a page: {end}") };
            after = format!("<after>{last}</after>");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_ends_where_it_is_closed() {
        let stanza = b"<message from='c1@x/u12' type='groupchat'><id/><a><b/></a><body>hi</body></message>";
        let two = [&stanza[..], b"<presence/>"].concat();
        assert_eq!(element_length(&two), Some(stanza.len()));
        assert_eq!(element_length(&two[stanza.len()..]), Some(b"<presence/>".len()));
        for cut in 0..stanza.len() {
            assert_eq!(element_length(&stanza[..cut]), None, "of {cut} bytes");
        }
        assert_eq!(sender(stanza), Some(&b"c1@x/u12"[..]));
        assert_eq!(body(stanza).map(|text| &stanza[text]), Some(&b"hi"[..]));
    }
}
