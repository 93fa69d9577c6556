//! Free ports.

use std::{collections::HashSet, net::TcpListener, process::Command, thread};

use snug_rig::free_port;

/// Programs that start meanwhile inherit whatever socket is open, for a moment. That must not matter.
#[test]
fn free_ports_differ_and_can_be_bound_while_programs_start() {
    let programs = thread::spawn(|| (0..300).all(|_| Command::new("/bin/true").status().unwrap().success()));
    let mut ports = HashSet::new();
    while !programs.is_finished() {
        let port = free_port().unwrap();
        assert!(ports.insert(port), "{port} was given twice");
        TcpListener::bind(("127.0.0.1", port)).unwrap();
    }
    assert!(programs.join().unwrap() && ports.len() > 1);
}
