//! What counts depend on beside the code: the tools' versions.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The version of each tool on this machine.
pub(crate) fn here() -> Result<BTreeMap<String, String>> {
    let mut tools = BTreeMap::new();
    for (tool, command) in COMMANDS {
        tools.insert((*tool).to_owned(), first_line(command)?);
    }
    tools.insert("cpu".to_owned(), cpu()?);
    Ok(tools)
}

/// The compilers of Rust and of C, the C library, whose `memcpy` is counted too, and the counter.
const COMMANDS: &[(&str, &[&str])] = &[
    ("rustc", &["rustc", "--version"]),
    ("cc", &["cc", "--version"]),
    ("libc", &["getconf", "GNU_LIBC_VERSION"]),
    ("valgrind", &["valgrind", "--version"]),
];

fn first_line(command: &[&str]) -> Result<String> {
    let shown = command.join(" ");
    let output = Command::new(command[0]).args(&command[1..]).output();
    let output = output.with_context(|| format!("`{shown}` cannot be run"))?;
    ensure!(output.status.success(), "`{shown}` failed");
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The processor that valgrind emulates: the same for all machines of an architecture, but that it has AVX2 only where
/// the machine has.
fn cpu() -> Result<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo cannot be read")?;
    let avx2 = info.split_whitespace().any(|flag| flag == "avx2");
    Ok(format!("{}, {} AVX2", std::env::consts::ARCH, if avx2 { "with" } else { "without" }))
}

/// A sentence for each tool that is another than that of the counts.
pub(crate) fn differences(
    counted: &BTreeMap<String, String>,
    here: &BTreeMap<String, String>,
) -> Vec<String> {
    let other = |(tool, version): (&String, &String)| {
        let before = counted.get(tool).map_or("none", String::as_str);
        (before != version)
            .then(|| format!("{tool} is `{version}`, and the counts were made with `{before}`"))
    };
    here.iter().filter_map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_told() {
        let tools = |version: &str| BTreeMap::from([("rustc".to_owned(), version.to_owned())]);
        assert_eq!(differences(&tools("1.95"), &tools("1.95")), [""; 0]);
        let wanted = "rustc is `1.96`, and the counts were made with `1.95`";
        assert_eq!(differences(&tools("1.95"), &tools("1.96")), [wanted]);
        assert_eq!(differences(&BTreeMap::new(), &tools("1.95")).len(), 1);
    }
}
