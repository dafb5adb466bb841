//! Server-sent events, read from pieces of any size.
//!
//! Source: the HTML standard, 9.2.6 "Interpreting an event stream".

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Empty where it has none.
    pub(crate) id: String,
    /// Its kind; empty: `message`.
    pub(crate) event: String,
    /// Its lines, joined by line breaks.
    pub(crate) data: String,
}

/// Reads a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    after_cr: bool,
    open: Message,
    has_data: bool,
}

impl Reader {
    /// The events that a piece completes.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<Message> {
        let mut complete = Vec::new();
        for line in piece.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            // CR LF is one line break, also where a cut divides it.
            if std::mem::take(&mut self.after_cr) && line == b"\n" {
                continue;
            }
            match line {
                [text @ .., end @ (b'\n' | b'\r')] => {
                    self.line.extend_from_slice(text);
                    self.after_cr = *end == b'\r';
                    complete.extend(self.end_of_line());
                }
                text => self.line.extend_from_slice(text),
            }
        }
        complete
    }

    fn end_of_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            let message = std::mem::take(&mut self.open);
            return std::mem::take(&mut self.has_data).then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.open.data.push('\n');
                }
                self.open.data.push_str(value);
                self.has_data = true;
            }
            "event" => value.clone_into(&mut self.open.event),
            "id" => value.clone_into(&mut self.open.id),
            // Comments (an empty name) and `retry`, which this client decides itself.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, event: &str, data: &str) -> Message {
        Message { id: id.to_owned(), event: event.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn any_cut_gives_the_same_events() {
        let text = ": keep\n\nid: 7\nevent: run_queued\ndata: {\"a\":1}\n\nid:8\r\ndata: one\r\ndata:two\r\n\r\n\
                    data\n\nevent: nothing\n\n: x\rdata: ä\r\revent: open\ndata: not complete\n";
        let expect = [
            message("7", "run_queued", "{\"a\":1}"),
            message("8", "", "one\ntwo"),
            message("", "", ""),
            message("", "", "ä"),
        ];
        for size in 1..=text.len() {
            let mut reader = Reader::default();
            let read: Vec<_> = text.as_bytes().chunks(size).flat_map(|piece| reader.push(piece)).collect();
            assert_eq!(read, expect, "pieces of {size}");
        }
    }
}
