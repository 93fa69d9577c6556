use snug_wire::socket::{ClientFrame, Request};

#[test]
fn a_send_is_read() {
    let frame =
        br#"{"n":2,"op":"send","conversation":"c1","id":"01926c1e-7d3a-7b52-9c0e-5f2a4d8b6e11","text":"hi"}"#;
    let ClientFrame { n: 2, request: Request::Send(send) } =
        ClientFrame::parse(frame).expect("it is a request")
    else {
        panic!("it is another request");
    };
    assert_eq!(send.text.as_ref().map(snug_wire::text::Text::as_str), Some("hi"));
}
