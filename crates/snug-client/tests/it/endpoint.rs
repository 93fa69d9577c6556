use snug_client::{Endpoint, Error};

#[test]
fn plain_http_is_for_loopback_alone() {
    for good in ["http://127.0.0.1:8484", "http://localhost:8484/", "http://[::1]:8484", "http://127.9.9.9"] {
        Endpoint::new(good).unwrap();
    }
    for bad in [
        "http://chat.example.com",
        "http://192.0.2.1:8484",
        "http://localhost.example.com",
        "ws://127.0.0.1:8484",
        "127.0.0.1:8484",
        "http://127.0.0.1:8484/v1",
        "http://127.0.0.1:8484/?token=x",
        "http://key@127.0.0.1:8484",
        "nonsense",
        "",
    ] {
        assert!(matches!(Endpoint::new(bad), Err(Error::Address(_))), "{bad}");
    }
}
