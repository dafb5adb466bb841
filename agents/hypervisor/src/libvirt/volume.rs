//! Volumes of the pool.

use super::xml::Element;

/// A disk of its own that begins with the content of another volume, which is only read.
pub(super) fn overlay(name: &str, bytes: u64, base: &str, base_format: &str) -> Element {
    let backing = Element::new("backingStore")
        .of(Element::new("path").text(base))
        .of(Element::new("format").with("type", base_format));
    volume(name, bytes, "qcow2").of(backing)
}

/// An empty disk that takes the room that is written.
pub(super) fn volume(name: &str, bytes: u64, format: &str) -> Element {
    Element::new("volume")
        .of(Element::new("name").text(name))
        .of(Element::new("capacity").with("unit", "bytes").text(bytes))
        .of(Element::new("allocation").with("unit", "bytes").text(0))
        .of(Element::new("target").of(Element::new("format").with("type", format)))
}

/// The format of a volume, from its description.
pub(super) fn format_of(description: &str) -> &str {
    let format = description.split_once("<format type='").and_then(|(_, rest)| rest.split_once('\''));
    format.map_or("raw", |(format, _)| format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_found() {
        assert_eq!(format_of("<target>\n <path>/x</path>\n <format type='qcow2'/></target>"), "qcow2");
        assert_eq!(format_of("<volume/>"), "raw");
    }
}
