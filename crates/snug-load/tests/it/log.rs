use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use snug_load::log::{Kind, Line, LogReader};

const GOOD: &str = concat!(
    r#"{"conversation":"c","n":0,"at":"2004-12-25T09:14:00Z","kind":"message","user":"ann","text":"hi"}"#,
    "\n",
    r#"{"conversation":"c","n":3,"at":"2004-12-25T09:14:00Z","kind":"rename","user":"ann","text":"anna","reply_to":[0]}"#,
    "\n",
);

fn read(bytes: impl Into<Vec<u8>>) -> Result<Vec<Line>, String> {
    let source = std::io::Cursor::new(bytes.into());
    let reader = LogReader::new("some.ndjson".to_owned(), source).map_err(|error| error.to_string())?;
    reader.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

fn line(conversation: &str, n: u64, minute: u32, rest: &str) -> String {
    format!(r#"{{"conversation":"{conversation}","n":{n},"at":"2004-12-25T09:{minute:02}:00Z",{rest}}}"#)
}

#[test]
fn plain_and_gzipped_read_the_same() {
    let plain = read(GOOD).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(GOOD.as_bytes()).unwrap();
    assert_eq!(plain, read(gzip.finish().unwrap()).unwrap());
    assert_eq!(plain.len(), 2);
    assert_eq!(plain[1].kind, Kind::Rename);
    assert_eq!(plain[1].reply_to, [0]);
    assert_eq!(plain[0].at.to_string(), "2004-12-25T09:14:00Z");
}

#[test]
fn a_gzip_that_is_cut_off_is_an_error() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(GOOD.as_bytes()).unwrap();
    let mut bytes = gzip.finish().unwrap();
    bytes.truncate(bytes.len() - 20);
    read(bytes).unwrap_err();
}

#[test]
fn every_bad_line_is_refused_with_its_number() {
    let good = line("c", 4, 14, r#""kind":"message","user":"ann","text":"hi""#);
    let cases = [
        ("{", "EOF"),
        (r#"{"conversation":"c"}"#, "missing field"),
        (
            &line("c", 5, 14, r#""kind":"message","user":"ann","text":"hi","color":"red""#),
            "unknown field `color`",
        ),
        (&line("c", 5, 14, r#""kind":"whisper","user":"ann","text":"hi""#), "unknown variant `whisper`"),
        (&line("c", 4, 14, r#""kind":"message","user":"ann","text":"hi""#), "n is 4, after 4"),
        (&line("c", 5, 13, r#""kind":"message","user":"ann","text":"hi""#), "time goes back"),
        (&line("c", 5, 77, r#""kind":"message","user":"ann","text":"hi""#), "minute"),
        (&line("c", 5, 14, r#""kind":"message","user":"","text":"hi""#), "a message with the user \"\""),
        (&line("c", 5, 14, r#""kind":"notice","user":"ann","text":"hi""#), "a notice with the user \"ann\""),
        (&line("c", 5, 14, r#""kind":"rename","user":"ann","text":"""#), "without the new name"),
        (&line("c", 5, 14, r#""kind":"message","user":"ann","text":"hi","reply_to":[5]"#), "not earlier"),
        (&line("", 5, 14, r#""kind":"message","user":"ann","text":"hi""#), "no name"),
    ];
    for (bad, reason) in cases {
        let error = read(format!("{good}\n{bad}\n")).unwrap_err();
        assert!(error.starts_with("some.ndjson, line 2: "), "{error}");
        assert!(error.contains(reason), "{error} lacks {reason}");
    }
    let error = read([good.as_bytes(), b"\n\xff\n"].concat()).unwrap_err();
    assert_eq!(error, "some.ndjson, line 2: is not UTF-8");
}

#[test]
fn conversations_are_numbered_apart() {
    let text = [
        line("a", 7, 14, r#""kind":"message","user":"ann","text":"hi""#),
        line("b", 1, 10, r#""kind":"message","user":"bob","text":"hi""#),
    ];
    assert_eq!(read(text.join("\n")).unwrap().len(), 2);
}
