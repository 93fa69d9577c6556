//! Agora's tokens, version 007.

use std::io::{Read, Write};

use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use snug_core::credentials::agora;
use snug_model::limits;

use super::*;

const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";
const OTHER: &str = "00000000000000000000000000000001";
/// Made by the vendor's builder for `alice`, 3600 s.
const VECTOR: &str = "007eJxTYBCwlWJpSQlpUlj7peLzniNya7b9ONT15rbwc99v9jmTfT8rMFiaGzg7GpumpJoZJJuYmJmYJiUlplokGhmaGpgZJhkb3/7JkC3Ax8AQ0/6DkZGBlYGRgZEBxGdlSMzJTE4FAGShH/0=";

/// A token as it is before it is packed.
#[derive(Clone)]
struct Plain {
    app_id: Vec<u8>,
    issued: u32,
    life: u32,
    salt: u32,
    services: Vec<Vec<u8>>,
    /// How many services it says it has.
    count: u16,
    trailing: Vec<u8>,
}

fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&(bytes.len() as u16).to_le_bytes(), bytes].concat()
}

fn service(kind: u16, privileges: &[(u16, u32)], fields: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (privileges.len() as u16).to_le_bytes()].concat();
    for (privilege, life) in privileges {
        bytes.extend(privilege.to_le_bytes());
        bytes.extend(life.to_le_bytes());
    }
    bytes.extend(fields.concat());
    bytes
}

fn chat(user: &str) -> Vec<u8> {
    service(5, &[(1, 3_600)], &[string(user)])
}

impl Plain {
    fn of(services: &[Vec<u8>]) -> Self {
        Self {
            app_id: APP_ID.into(),
            issued: NOW_S as u32 - 10,
            life: 3_600,
            salt: 1,
            services: services.to_vec(),
            count: services.len() as u16,
            trailing: Vec::new(),
        }
    }

    fn info(&self) -> Vec<u8> {
        let mut info = string(&self.app_id);
        for number in [self.issued, self.life, self.salt] {
            info.extend(number.to_le_bytes());
        }
        info.extend(self.count.to_le_bytes());
        info.extend(self.services.concat());
        info.extend(&self.trailing);
        info
    }

    fn signed(&self, certificate: &str) -> String {
        let sign = |key: &[u8], data: &[u8]| mac::sign(&mac::Key::new(mac::HMAC_SHA256, key), data);
        let first = sign(&self.issued.to_le_bytes(), certificate.as_bytes());
        let second = sign(&self.salt.to_le_bytes(), first.as_ref());
        let info = self.info();
        packed(&[string(sign(second.as_ref(), &info)), info].concat())
    }
}

fn packed(plain: &[u8]) -> String {
    format!("007{}", STANDARD.encode(deflated(plain)))
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(plain).unwrap();
    zlib.finish().unwrap()
}

fn inflated(token: &str) -> Vec<u8> {
    let bytes = STANDARD.decode(&token[3..]).unwrap();
    let mut plain = Vec::new();
    ZlibDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
    plain
}

fn certificates() -> [SchemeSecret; 2] {
    [secret("primary", OTHER), secret("secondary", CERTIFICATE)]
}

fn verify(token: &str) -> Option<Proven> {
    agora::verify(token, APP_ID, &certificates(), NOW)
}

fn user(plain: &Plain) -> Option<String> {
    verify(&plain.signed(CERTIFICATE)).map(|proven| proven.user.as_str().to_owned())
}

#[test]
fn the_vendors_own_token_is_read() {
    let plain = inflated(VECTOR);
    let at = 2 + 32 + 2 + 32;
    let issued = i64::from(u32::from_le_bytes(plain[at..at + 4].try_into().unwrap()));
    let at_the_time = Timestamp((issued + 3_599) * 1_000);
    let proven = agora::verify(VECTOR, APP_ID, &certificates(), at_the_time);
    assert_eq!(said(proven.as_ref()), Some(("alice", "secondary", Some(issued), Some(issued + 3_600))));
    assert!(agora::verify(VECTOR, APP_ID, &certificates()[..1], at_the_time).is_none());
    assert!(agora::verify(VECTOR, &APP_ID.to_lowercase(), &certificates(), at_the_time).is_none());
    assert!(agora::verify(VECTOR, OTHER, &certificates(), at_the_time).is_none());
    assert!(verify(VECTOR).is_none(), "it has ended long ago");
    // One character of it is enough to change what it says, and its checksum is no signature.
    let misread = VECTOR.replace("gZEBxG", "gYEBxG");
    assert!(agora::verify(&misread, APP_ID, &certificates(), at_the_time).is_none());
}

#[test]
fn a_token_for_chat_proves_its_user() {
    let plain = Plain::of(&[chat("alice")]);
    let proven = verify(&plain.signed(CERTIFICATE));
    let expected = ("alice", "secondary", Some(NOW_S - 10), Some(NOW_S + 3_590));
    assert_eq!(said(proven.as_ref()), Some(expected));
    assert_eq!(verify(&plain.signed(OTHER)).unwrap().vouched_by.as_str(), "primary");
    assert!(verify(&plain.signed("5cfd2fd1755d40ecb72977518be15d3b")).is_none());
}

#[test]
fn every_byte_of_it_counts() {
    let token = Plain::of(&[chat("alice")]).signed(CERTIFICATE);
    assert!(verify(&token).is_some());
    let plain = inflated(&token);
    assert!(verify(&packed(&plain)).is_some(), "packed by another, it is the same token");
    for place in 0..plain.len() {
        for bit in 0..8 {
            let mut other = plain.clone();
            other[place] ^= 1 << bit;
            assert!(verify(&packed(&other)).is_none(), "bit {bit} of byte {place}");
        }
        assert!(verify(&packed(&plain[..place])).is_none(), "the first {place} bytes");
    }
    assert!(verify(&packed(&[&plain[..], &[0]].concat())).is_none());
}

#[test]
fn the_other_services_do_not_end_the_check_early() {
    let others = [
        service(1, &[(1, 60), (2, 60)], &[string("channel"), string("7")]),
        service(2, &[(1, 60)], &[string("mallory")]),
        service(3, &[], &[string("channel"), string("8")]),
        service(4, &[(1, 0)], &[]),
    ];
    let mut services = others.to_vec();
    services.push(chat("alice"));
    let resources: Vec<u8> = [1u16, 0, 1, 0, 2].iter().flat_map(|number| number.to_le_bytes()).collect();
    services.push(service(6, &[(1, 60)], &[string("channel"), string("9")]));
    services.push(service(7, &[(1, 60)], &[string("room"), string("bob"), vec![0xff, 0xff]]));
    services.push(service(8, &[(1, 60)], &[string("bob"), resources, string("a"), string("b")]));
    assert_eq!(user(&Plain::of(&services)).as_deref(), Some("alice"));
    // One that came later, of which nobody here knows how long it is, with what looks like another service for chat in it.
    services.push(service(9, &[], &[]));
    services.push(service(10, &[], &[chat("mallory")]));
    assert_eq!(user(&Plain::of(&services)).as_deref(), Some("alice"));
    // Whatever stands there is signed all the same.
    let mut token = Plain::of(&services);
    let good = token.signed(CERTIFICATE);
    assert!(verify(&with_info(&good, &token.info())).is_some());
    token.services[8] = service(9, &[(1, 1)], &[]);
    assert!(verify(&with_info(&good, &token.info())).is_none());
    // A version that repeats a service says nothing else by it.
    assert_eq!(
        user(&Plain::of(&[others[0].clone(), others[0].clone(), chat("alice")])).as_deref(),
        Some("alice")
    );
    // Before the one for chat it would hide where that begins. Builders write services in order of type, so that is none.
    assert_eq!(user(&Plain::of(&[service(0, &[], &[]), chat("alice")])), None);
    assert_eq!(user(&Plain::of(&[service(9, &[], &[]), chat("alice")])), None);
    assert_eq!(user(&Plain::of(&[others[1].clone(), others[0].clone(), chat("alice")])), None);
}

#[test]
fn the_known_services_behind_the_one_for_chat_are_read_to_their_end() {
    let resources: Vec<u8> = [1u16, 0, 1, 0, 1].iter().flat_map(|number| number.to_le_bytes()).collect();
    for known in [
        service(6, &[(1, 60)], &[string("channel"), string("9")]),
        service(7, &[(1, 60)], &[string("room"), string("bob"), vec![2, 0]]),
        service(8, &[(1, 60)], &[string("bob"), resources, string("a")]),
    ] {
        let whole = Plain::of(&[chat("alice"), known.clone()]);
        assert_eq!(user(&whole).as_deref(), Some("alice"), "{known:?}");
        assert_eq!(user(&Plain { trailing: vec![0], ..whole }), None, "{known:?} and a byte");
        let broken = known[..known.len() - 1].to_vec();
        assert_eq!(user(&Plain::of(&[chat("alice"), broken])), None, "{known:?} but for a byte");
    }
}

/// The signature of a token before what another says.
fn with_info(token: &str, info: &[u8]) -> String {
    packed(&[&inflated(token)[..34], info].concat())
}

#[test]
fn it_must_make_its_bearer_a_user_and_nobody_else() {
    for services in [
        // The whole app's, which names nobody.
        vec![service(5, &[(2, 3_600)], &[string("")])],
        // The whole app's that names somebody, and a user's that does not.
        vec![service(5, &[(2, 3_600)], &[string("alice")])],
        vec![service(5, &[(1, 3_600)], &[string("")])],
        vec![service(5, &[], &[string("alice")])],
        vec![service(5, &[(1, 3_600)], &[string("vis_1")])],
        vec![service(5, &[(1, 3_600)], &[string([0xff, 0xfe])])],
        vec![service(2, &[(1, 3_600)], &[string("alice")])],
        vec![chat("alice"), chat("bob")],
        vec![chat("alice"), chat("alice")],
        vec![],
    ] {
        assert_eq!(user(&Plain::of(&services)), None, "{services:?}");
    }
    let both = service(5, &[(1, 3_600), (2, 3_600)], &[string("alice")]);
    assert_eq!(user(&Plain::of(&[both])).as_deref(), Some("alice"));
}

#[test]
fn it_is_good_from_when_it_was_made_until_it_or_its_privilege_ends() {
    let now = NOW_S as u32;
    let at = |issued, life| Plain { issued, life, ..Plain::of(&[chat("alice")]) };
    for (plain, good) in [
        (at(now, 1), true),
        (at(now, 0), false),
        (at(now - 10, 10), false),
        (at(now - 10, 11), true),
        (at(now + 5, 1), true),
        (at(now + 6, 1), false),
        (at(now - 3_600, 7_200), false),
        (at(now - 3_599, 7_200), true),
        (at(u32::MAX, u32::MAX), false),
    ] {
        assert_eq!(user(&plain).is_some(), good, "{} for {}", plain.issued, plain.life);
    }
    let privilege = |life| Plain::of(&[service(5, &[(1, life)], &[string("alice")])]);
    let end = |plain: Plain| verify(&plain.signed(CERTIFICATE)).unwrap().expires_at.unwrap().seconds();
    assert_eq!(end(privilege(60)), NOW_S + 50);
    assert_eq!(end(privilege(0)), NOW_S + 3_590);
    assert_eq!(end(privilege(9_999)), NOW_S + 3_590);
}

#[test]
fn the_shape_of_a_token_is_fixed() {
    let good = Plain::of(&[chat("alice")]);
    assert!(user(&good).is_some());
    for (what, plain) in [
        ("trailing bytes", Plain { trailing: vec![0], ..good.clone() }),
        ("more services than it has", Plain { count: 2, ..good.clone() }),
        ("fewer services than it has", Plain { count: 0, ..good.clone() }),
        ("salt 0", Plain { salt: 0, ..good.clone() }),
        ("a salt out of range", Plain { salt: 100_000_000, ..good.clone() }),
        ("another app", Plain { app_id: OTHER.into(), ..good.clone() }),
        ("a short app id", Plain { app_id: APP_ID[..31].into(), ..good.clone() }),
        ("an app id that is not hex", Plain { app_id: APP_ID.replace('d', "g").into(), ..good.clone() }),
    ] {
        assert_eq!(user(&plain), None, "{what}");
    }
    assert!(user(&Plain { salt: 99_999_999, ..good.clone() }).is_some());
    let token = good.signed(CERTIFICATE);
    let bytes = STANDARD.decode(&token[3..]).unwrap();
    let encoded = |bytes: &[u8]| format!("007{}", STANDARD.encode(bytes));
    assert!(verify(&encoded(&bytes)).is_some());
    for (what, token) in [
        ("bytes behind the stream", encoded(&[&bytes[..], &[0]].concat())),
        ("a stream that breaks off", encoded(&bytes[..bytes.len() - 1])),
        ("no stream", encoded(b"not zlib at all")),
        ("version 006", token.replacen("007", "006", 1)),
        ("no version", token[3..].to_owned()),
        ("not base64", format!("{token}*")),
        ("spaces", format!("{token} ")),
        ("nothing", String::new()),
        ("only the version", "007".to_owned()),
    ] {
        assert!(verify(&token).is_none(), "{what}");
    }
}

/// A thousand bytes of zlib make a million. The bomb is signed rightly, so that nothing but its size refuses it.
#[test]
fn a_bomb_is_not_inflated() {
    let of_bytes = |bytes: usize| {
        let padding = service(1, &[], &[string("x".repeat(bytes)), string("")]);
        Plain::of(&[padding, chat("alice")]).signed(CERTIFICATE)
    };
    let overhead = 4_096 - 3_900;
    assert!(verify(&of_bytes(4_096 - overhead)).is_some(), "up to 4 KiB it is looked at");
    assert!(verify(&of_bytes(4_096)).is_none());
    let bomb = packed(&vec![0; 4 << 20]);
    assert!(bomb.len() < 8_192, "it is small enough to get in");
    assert!(verify(&bomb).is_none());
}

#[test]
fn what_is_too_long_is_not_decoded() {
    let plain = inflated(&Plain::of(&[chat("alice")]).signed(CERTIFICATE));
    // Each flush leaves an empty block, so that the stream gets longer, and what it inflates to does not.
    let flushed = |times: usize| {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        (0..times).for_each(|_| zlib.flush().unwrap());
        zlib.write_all(&plain).unwrap();
        format!("007{}", STANDARD.encode(zlib.finish().unwrap()))
    };
    let max = limits::TOKEN_BYTES_MAX as usize;
    // A block is five bytes, seven characters at most: so many are still too few, and the first token that is too long comes soon.
    let few = (max - flushed(0).len()) / 7;
    let longer = (few..).find(|times| flushed(*times).len() > max).unwrap();
    let (longest, longer) = (flushed(longer - 1), flushed(longer));
    assert!(longest.len() > max - 16 && verify(&longest).is_some(), "{} bytes", longest.len());
    assert!(longer.len() < max + 16 && verify(&longer).is_none(), "{} bytes", longer.len());
}
