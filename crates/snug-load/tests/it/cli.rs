use clap::{CommandFactory, Parser};
use snug_load::cli::{Backend, Cli, Command};

fn parse(line: &str) -> Result<Command, String> {
    let words = ["snug-load"].into_iter().chain(line.split_whitespace());
    Cli::try_parse_from(words).map(|cli| cli.command).map_err(|error| error.to_string())
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_replay_needs_one_server_and_kills_only_its_own() {
    let good = [
        "replay log --spawn",
        "replay log --spawn --backend postgres --kills 40 --seed 7 --sockets 500 --limit 10 --acks a --json j",
        "replay log --server http://127.0.0.1:8484 --key sk_1_x",
        "replay log --server http://127.0.0.1:8484 --key sk_1_x --app app_eu_1",
        "verify --acks a --server http://127.0.0.1:8484 --key sk_1_x",
        "verify --acks a --server http://127.0.0.1:8484 --key-file k",
    ];
    for line in good {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let bad = [
        "replay log",
        "replay --spawn",
        "replay log --spawn --server http://127.0.0.1:8484 --key sk_1_x",
        "replay log --server http://127.0.0.1:8484",
        "replay log --server http://127.0.0.1:8484 --key sk_1_x --kills 1",
        "replay log --server http://127.0.0.1:8484 --key sk_1_x --backend postgres",
        "replay log --spawn --backend mysql",
        "replay log --spawn --sockets 0",
        "replay log --spawn --limit 0",
        "verify --acks a",
        "verify --acks a --server http://127.0.0.1:8484",
        "verify --acks a --server http://127.0.0.1:8484 --key sk_1_x --key-file k",
        "replay log --spawn --key sk_1_x",
    ];
    for line in bad {
        assert!(parse(line).is_err(), "{line}");
    }
    let Ok(Command::Replay(args)) = parse("replay log --spawn") else { panic!("no replay") };
    assert_eq!((args.sockets, args.kills, args.seed), (500, 0, 1));
    assert_eq!(args.target.backend, Backend::Sqlite);
}
