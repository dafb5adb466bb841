//! Processes below this one: what signals wake it, who they are, how they are ended.

pub mod signals;
pub mod tree;

/// Closes everything that this process inherited beyond standard input, output and error: its children must not
/// hold what others left open by mistake. To be called first in `main`, while nothing of this program is open.
pub fn close_inherited() {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // The folder's own descriptor is in the list and closed already.
        let _ = nix::unistd::close(number);
    }
}
