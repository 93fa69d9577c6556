//! Free ports on the loopback interface.

use std::{
    collections::HashSet,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
};

use parking_lot::Mutex;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

/// The ports that this process has been given: the kernel may offer one again before whoever asked for it has bound it.
static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A TCP port of 127.0.0.1 that nobody listens on, and that no other caller in this process gets.
///
/// It is chosen at random from the range that the kernel gives to listeners, and not reserved beyond this process: whoever
/// asked binds it soon after.
///
/// # Errors
/// Those of binding a socket, such as no port being left.
pub fn free_port() -> io::Result<u16> {
    let mut given = GIVEN.lock();
    let given = given.get_or_insert_default();
    loop {
        let port = unbound_port()?;
        if given.insert(port) {
            return Ok(port);
        }
    }
}

fn unbound_port() -> io::Result<u16> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    // A thread that starts a program at this moment hands it a copy of the socket, which lives until the program has
    // replaced ours. A socket that may be shared and that nobody listens on is in no server's way meanwhile. It says so only
    // now, or the kernel could have given it the port of another such socket.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(SocketAddr::try_from(getsockname(&socket)?)?.port())
}
