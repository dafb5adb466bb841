//! `docs/reference-definitions.md`: every object, field, method, constructor and tag, from the tables that the language
//! itself reads.

use std::fmt::Write as _;

use xrdtest_model::tag::SYSTEM_TAGS;

use crate::language::class::{CLASSES, Class, Field, Kind, MANDATORY, NEW, SCRIPT, TEXT};

/// Lines of Markdown are at most this long, where a word lets them.
const WIDTH: usize = 120;

const BEGINNING: &str = "\
# Reference of definitions

Every object of a definition with its fields and methods, and every tag. The program itself writes this page, from the
tables by which it reads definitions. How it all fits together is in [definitions.md](definitions.md), a first suite in
[guide.md](guide.md).

Below each field stands what it holds, what holds where it is not set, the chapter of XrdTest's manual (or *new*), and
the rules of `xrdtest check` that watch it: `xrdtest rule CODE` explains one. A *name* has letters, digits, `_`, `-` and
`.`, begins with a letter or a digit, and has at most 64 characters. A string has at most 1 KiB where nothing else is
said. Arguments of constructors may be left out from the right; an object map as the last one may give any field:
[constructors](definitions.md#constructors).

";

const TAGS: &str = "\
## Tags

Before a script is run, and in the paths of `ts.logs`, each of these is replaced. What is no known tag stays as it is:
[scripts.md](scripts.md#tags).

| tag | given by | stands for |
|---|---|---|
";

/// The page.
pub fn reference() -> String {
    let mut page = BEGINNING.to_owned();
    for class in CLASSES {
        let names: Vec<_> = class.field_names().map(|name| link(class, name)).collect();
        let fields = format!("- [{}](#{}): {}", class.name, anchor(class.name), names.join(", "));
        wrap(&mut page, &fields, "  ");
    }
    page.push_str("- [Fields of a schedule](#fields-of-a-schedule), [tags](#tags)\n\n");
    for class in CLASSES {
        describe(&mut page, class);
    }
    schedule(&mut page);
    page.push_str(TAGS);
    for tag in &SYSTEM_TAGS {
        let giver = if tag.of_hypervisor { "what makes the machine" } else { "the machine's agent" };
        let _ = writeln!(page, "| `@{}@` | {giver} | {} |", tag.name, tag.meaning);
    }
    page.push_str("| `@NAME@` | [`ts.tags`](#testsuitetags) | The suite's own value for `NAME`. |\n");
    page
}

fn describe(page: &mut String, class: &Class) {
    let _ = writeln!(page, "## {}\n", class.name);
    wrap(page, &format!("{} Manual {}.", class.meaning, class.manual), "");
    let _ = writeln!(page, "\n```text\n{}\n```\n", class.signature());
    if !class.methods.is_empty() {
        page.push_str("| method | what it does | appends to |\n|---|---|---|\n");
        for method in class.methods {
            let targets: Vec<_> = method.targets.iter().map(|target| link(class, target)).collect();
            let _ = writeln!(page, "| `{}(…)` | {} | {} |", method.name, method.meaning, targets.join(", "));
        }
        page.push('\n');
    }
    for field in class.fields {
        let _ = writeln!(page, "### {}.{}\n", class.name, field.name);
        wrap(page, field.meaning, "");
        page.push('\n');
        wrap(page, &facts(field), "");
        page.push('\n');
    }
}

/// What it holds, how much of it, what holds where it is not set, the manual's chapter, rules: in one line.
fn facts(field: &Field) -> String {
    let mut facts = Vec::new();
    facts.push(match field.value {
        "" => field.kind.describe(),
        value => format!("{}: {value}", field.kind.describe()),
    });
    match (field.kind, field.most) {
        (Kind::Texts | Kind::Objects(_) | Kind::ObjectsOrNames(_) | Kind::TextMap, most) => {
            facts.push(format!("at most {most}"));
        }
        (Kind::Text, SCRIPT) => facts.push(format!("at most {} KiB in the definition", SCRIPT >> 10)),
        (Kind::Text, most) if most != TEXT => facts.push(format!("at most {most} bytes")),
        _ => {}
    }
    facts.push(match field.unset {
        MANDATORY => "mandatory".to_owned(),
        "none" => "optional".to_owned(),
        unset => format!("default: {unset}"),
    });
    facts.push(match field.manual {
        NEW => "new".to_owned(),
        chapter => format!("manual {chapter}"),
    });
    if !field.rules.is_empty() {
        let rules: Vec<_> = field.rules.iter().map(|code| format!("`{code}`")).collect();
        facts.push(rules.join(" "));
    }
    facts.join(" · ")
}

fn schedule(page: &mut String) {
    page.push_str("## Fields of a schedule\n\n");
    let words = "Of a map in [`ts.schedule`](#testsuiteschedule), the coarsest first. All that are given have to hold; \
                 those finer than the finest one given are at their least value, all others are `*`. In `day_of_week` \
                 0 is Monday. What it means, and cron: [schedules](definitions.md#schedules).";
    wrap(page, words, "");
    page.push('\n');
    for field in &xrdtest_schedule::FIELDS {
        wrap(page, &format!("- {}", field.help()), "  ");
    }
    page.push('\n');
}

fn link(class: &Class, field: &str) -> String {
    format!("[`{field}`](#{})", anchor(&format!("{}.{field}", class.name)))
}

/// The anchor that a heading gets where Markdown is shown.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace('.', "")
}

/// Appends a paragraph in lines, all but the first of them indented. Code is kept in one line.
fn wrap(page: &mut String, text: &str, indent: &str) {
    let mut width = 0;
    let mut code = false;
    for word in text.split_inclusive(|c| {
        code ^= c == '`';
        c == ' ' && !code
    }) {
        let length = word.trim_end().chars().count();
        if width > 0 && width + length > WIDTH {
            page.truncate(page.trim_end().len());
            page.push('\n');
            page.push_str(indent);
            width = indent.len();
        }
        page.push_str(word);
        width += word.chars().count();
    }
    page.push('\n');
}
