use snug_client::closing::{Return, after};

#[test]
fn every_documented_code_has_its_consequence() {
    for (code, expected) in [
        (4000, Return::Again),
        (4001, Return::Again),
        (4401, Return::WithFreshToken),
        (4429, Return::WithBackoff),
        (4400, Return::Never),
        (4403, Return::Never),
        (4408, Return::Never),
        (4413, Return::Never),
        (4421, Return::Never),
        (1006, Return::WithBackoff),
        (1011, Return::WithBackoff),
    ] {
        assert_eq!(after(Some(code)), expected, "{code}");
    }
    assert_eq!(after(None), Return::WithBackoff);
}
