//! One event, one frame: the WebSocket header and the payload in one shared buffer.

use bytes::{BufMut, Bytes, BytesMut};

/// The longest header of an unmasked frame: two bytes, and eight of length.
const HEADER_BYTES_MAX: usize = 10;
/// The first byte of a whole text message in one frame: FIN, opcode 1.
const TEXT: u8 = 0x81;

/// Puts the header of an unmasked text frame (RFC 6455, section 5.2) before `payload`, so that the result can be written
/// as it is to any number of sockets.
pub fn frame(payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_BYTES_MAX + payload.len());
    frame.put_u8(TEXT);
    match payload.len() {
        short @ 0..=125 => frame.put_u8(short as u8),
        medium @ 126..=0xFFFF => {
            frame.put_u8(126);
            frame.put_u16(medium as u16);
        }
        long => {
            frame.put_u8(127);
            frame.put_u64(long as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}
