//! What differs between two definitions, field by field.

use std::collections::BTreeSet;

use xrdtest_model::plan_diff::FieldChange;
use xrdtest_model::plan_document::Written;

/// The fields that differ, in the manual's order. Objects in arrays are told apart by their names.
pub(super) fn changes(old: &Written, new: &Written) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare("", old, new, &mut changes);
    changes
}

fn compare(at: &str, old: &Written, new: &Written, changes: &mut Vec<FieldChange>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Written::Fields(before), Written::Fields(after)) => {
            for name in union(before.iter().map(|(name, _)| name), after.iter().map(|(name, _)| name)) {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                either(&at, old.field(name), new.field(name), changes);
            }
        }
        (Written::List(before), Written::List(after)) => match (named(before), named(after)) {
            (Some(before), Some(after)) => compare_named(at, &before, &after, changes),
            _ => whole(at, Some(old), Some(new), changes),
        },
        _ => whole(at, Some(old), Some(new), changes),
    }
}

fn compare_named(
    at: &str,
    before: &[(&str, &Written)],
    after: &[(&str, &Written)],
    changes: &mut Vec<FieldChange>,
) {
    let find = |list: &[(&str, &Written)], name: &str| {
        list.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).clone())
    };
    let names =
        |list: &[(&str, &Written)]| list.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
    let (old_names, new_names) = (names(before), names(after));
    for name in union(old_names.iter(), new_names.iter()) {
        let (old, new) = (find(before, name), find(after, name));
        either(&format!("{at}[{name}]"), old.as_ref(), new.as_ref(), changes);
    }
    let common = |names: &[String], others: &[String]| -> Vec<Written> {
        let kept = names.iter().filter(|name| others.contains(name));
        kept.map(|name| Written::Text(name.clone())).collect()
    };
    let (old, new) = (common(&old_names, &new_names), common(&new_names, &old_names));
    if old != new {
        whole(&format!("{at} (order)"), Some(&Written::List(old)), Some(&Written::List(new)), changes);
    }
}

fn either(at: &str, old: Option<&Written>, new: Option<&Written>, changes: &mut Vec<FieldChange>) {
    match (old, new) {
        (Some(old), Some(new)) => compare(at, old, new, changes),
        (None, None) => {}
        // What is empty on one side is what is not there on the other.
        (Some(one), None) | (None, Some(one)) if *one == Written::List(Vec::new()) => {}
        (old, new) => whole(at, old, new, changes),
    }
}

fn whole(at: &str, old: Option<&Written>, new: Option<&Written>, changes: &mut Vec<FieldChange>) {
    changes.push(FieldChange { field: at.to_owned(), old: old.cloned(), new: new.cloned() });
}

/// The objects of an array by their names, where all have one and no two the same. An empty array is as good.
fn named(items: &[Written]) -> Option<Vec<(&str, &Written)>> {
    let mut seen = BTreeSet::new();
    items
        .iter()
        .map(|item| match item.field("name")? {
            Written::Text(name) if seen.insert(name.as_str()) => Some((name.as_str(), item)),
            _ => None,
        })
        .collect()
}

/// The names of the newer, with those that only the older has behind their neighbours of old.
fn union<'a>(
    old: impl Iterator<Item = &'a String>,
    new: impl Iterator<Item = &'a String>,
) -> Vec<&'a String> {
    let mut names: Vec<&String> = new.collect();
    let known: BTreeSet<&String> = names.iter().copied().collect();
    let mut behind = 0;
    for name in old {
        match known.contains(name) {
            true => behind = names.iter().position(|other| *other == name).map_or(behind, |index| index + 1),
            false => {
                names.insert(behind.min(names.len()), name);
                behind += 1;
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Written {
        Written::Text(text.to_owned())
    }

    fn fields(fields: &[(&str, Written)]) -> Written {
        Written::Fields(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    fn host(name: &str, ip: &str) -> Written {
        fields(&[("name", text(name)), ("ip", text(ip)), ("disks", Written::List(Vec::new()))])
    }

    fn told(old: &[(&str, Written)], new: &[(&str, Written)]) -> Vec<String> {
        let mark = |value: &Option<Written>| match value {
            Some(Written::Text(text)) => text.clone(),
            Some(_) => "…".to_owned(),
            None => "-".to_owned(),
        };
        let told = changes(&fields(old), &fields(new));
        told.iter()
            .map(|change| format!("{} {} {}", change.field, mark(&change.old), mark(&change.new)))
            .collect()
    }

    #[test]
    fn fields_and_named_objects() {
        let list = |items: &[Written]| Written::List(items.to_vec());
        let old =
            [("name", text("c")), ("info", text("x")), ("hosts", list(&[host("a", "1"), host("b", "2")]))];
        let new = [("name", text("c")), ("hosts", list(&[host("b", "3"), host("a", "1"), host("d", "4")]))];
        assert_eq!(told(&old, &new), ["info x -", "hosts[b].ip 2 3", "hosts[d] - …", "hosts (order) … …"]);
        assert_eq!(told(&new, &new), [""; 0]);
        let bare = [("name", text("c")), ("hosts", list(&[]))];
        assert_eq!(told(&bare, &[("name", text("c"))]), [""; 0]);
        let twice = [("name", text("c")), ("hosts", list(&[host("a", "1"), host("a", "2")]))];
        assert_eq!(told(&bare, &twice), ["hosts … …"]);
        assert_eq!(
            told(&[("schedule", text("* * * * *"))], &[("schedule", fields(&[]))]),
            ["schedule * * * * * …"]
        );
    }
}
