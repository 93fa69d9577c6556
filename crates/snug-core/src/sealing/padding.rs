//! What is sealed is padded to 32, 64, 128 … bytes, so that its length says little.

/// Room for the smallest sealed value.
const SMALLEST: usize = 32;
/// Ends the plaintext; zeros follow (ISO/IEC 7816-4). The one byte that this always costs is the length.
const END: u8 = 0x80;

/// How long `length` bytes are when they are padded.
pub(super) fn padded(length: usize) -> usize {
    (length + 1).next_power_of_two().max(SMALLEST)
}

/// Pads what stands in `buffer` from `start` on.
pub(super) fn pad(buffer: &mut Vec<u8>, start: usize) {
    let length = buffer.len() - start;
    buffer.push(END);
    buffer.resize(start + padded(length), 0);
}

/// The plaintext of what was padded; none where it was not.
pub(super) fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    (padded[end] == END).then_some(&padded[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_powers_of_two_and_the_text_comes_back() {
        for length in 0..600 {
            let text = vec![0; length];
            let mut buffer = vec![9, 9];
            buffer.extend_from_slice(&text);
            pad(&mut buffer, 2);
            let sealed = buffer.len() - 2;
            assert!(sealed.is_power_of_two() && sealed >= 32 && sealed > length, "{length} became {sealed}");
            assert!(sealed == 32 || sealed <= 2 * (length + 1), "{length} became {sealed}");
            assert_eq!(unpad(&buffer[2..]), Some(text.as_slice()));
        }
    }

    #[test]
    fn what_is_not_padded_is_refused() {
        assert_eq!(unpad(&[]), None);
        assert_eq!(unpad(&[0; 32]), None);
        assert_eq!(unpad(&[1; 32]), None);
    }
}
