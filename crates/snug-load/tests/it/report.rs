use snug_load::findings::Fault;
use snug_load::log::Kind;
use snug_load::report::{Counts, Report};

fn clean() -> Report {
    let counts = Counts::of(Kind::ALL.into_iter().chain([Kind::Message]));
    Report { in_file: counts, sent: counts, acknowledged: 4, ..Report::default() }
}

#[test]
fn the_last_line_is_as_it_was_promised() {
    let text = clean().to_string();
    assert_eq!(
        text.lines().last(),
        Some("4 acknowledged, 0 lost, 0 duplicated, 0 reordered, 0 gaps, 0 differences")
    );
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).map(str::to_owned);
    assert_eq!(line("message").as_deref(), Some("message              2           2"));
    assert_eq!(line("all").as_deref(), Some("all                  7           7"));
}

#[test]
fn it_is_clean_only_if_nothing_was_found_and_everything_was_sent() {
    assert!(clean().is_clean());
    for fault in [Fault::Lost, Fault::Duplicated, Fault::Reordered, Fault::Gap, Fault::Difference] {
        let mut report = clean();
        report.findings.add(fault, || "a message".to_owned());
        assert!(!report.is_clean(), "{fault:?}");
        assert!(report.to_string().contains("\n- a message\n"));
    }
    for kind in Kind::ALL {
        let mut report = clean();
        *report.sent.get_mut(kind) -= 1;
        assert!(!report.is_clean(), "{kind:?}");
    }
    assert!(!Report { acknowledged: 3, ..clean() }.is_clean());
}
