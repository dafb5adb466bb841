//! The language as data: classes, their fields and what a field may hold. Constructors, field access, "did you mean"
//! and type checks all read these tables; to add a field, add a line here and one in `draft`.

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A string, or an integer that stands for its digits.
    TextOrNumber,
    /// `true` or `false`.
    Flag,
    /// An array of strings.
    Texts,
    /// One object of a class.
    Object(&'static Class),
    /// An array of objects of a class.
    Objects(&'static Class),
    /// An array of objects of a class or of their names.
    ObjectsOrNames(&'static Class),
    /// An array of two strings.
    TextPair,
    /// An object map whose values are strings or integers.
    TextMap,
    /// Such a map, or a string.
    TextMapOrText,
}

impl Kind {
    /// In people's words, with an article.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Text => "a string".to_owned(),
            Self::TextOrNumber => "a string or an integer".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Texts => "an array of strings".to_owned(),
            Self::Object(class) => format!("a {}", class.name),
            Self::Objects(class) => format!("an array of {} objects", class.name),
            Self::ObjectsOrNames(class) => format!("an array of strings or {} objects", class.name),
            Self::TextPair => "an array of two strings".to_owned(),
            Self::TextMap => "an object map of strings".to_owned(),
            Self::TextMapOrText => "a string or an object map of strings".to_owned(),
        }
    }
}

/// A field of a class.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// A class of objects.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: &'static str,
    /// The constructor's positional parameters, in the manual's order. Each is a field.
    pub(crate) parameters: &'static [&'static str],
    pub(crate) fields: &'static [Field],
    /// Methods: name, and the field to which its argument (an object or an array of them) is appended.
    pub(crate) methods: &'static [(&'static str, &'static [&'static str])],
}

impl PartialEq for Class {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Class {}

impl Class {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(crate) fn field_names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.fields.iter().map(|field| field.name)
    }

    /// `Disk(name, size, device, mountPoint, cache)`.
    pub(crate) fn signature(&self) -> String {
        format!("{}({})", self.name, self.parameters.join(", "))
    }
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

/// All classes.
pub(crate) static CLASSES: [&Class; 6] = [&TEST_SUITE, &TEST_CASE, &CLUSTER, &NETWORK, &HOST, &DISK];

/// Manual 6.1.1, 9.1.11.
pub(crate) static TEST_SUITE: Class = Class {
    name: "TestSuite",
    parameters: &["name"],
    fields: &[
        field("name", Kind::Text),
        field("descName", Kind::Text),
        field("clusters", Kind::Texts),
        field("machines", Kind::Texts),
        field("schedule", Kind::TextMapOrText),
        field("tests", Kind::ObjectsOrNames(&TEST_CASE)),
        field("initialize", Kind::Text),
        field("finalize", Kind::Text),
        field("logs", Kind::Texts),
        field("alert_emails", Kind::Texts),
        field("alert_success", Kind::Text),
        field("alert_failure", Kind::Text),
        field("timeout", Kind::Text),
        field("stage_timeout", Kind::Text),
        field("tags", Kind::TextMap),
    ],
    methods: &[],
};

/// Manual 9.1.11; with machines and scripts of its own as the first versions of the original had it.
pub(crate) static TEST_CASE: Class = Class {
    name: "TestCase",
    parameters: &["name"],
    fields: &[
        field("name", Kind::Text),
        field("machines", Kind::Texts),
        field("initialize", Kind::Text),
        field("run", Kind::Text),
        field("finalize", Kind::Text),
    ],
    methods: &[],
};

/// Manual 9.1.3.
pub(crate) static CLUSTER: Class = Class {
    name: "Cluster",
    parameters: &["name"],
    fields: &[
        field("name", Kind::Text),
        field("info", Kind::Text),
        field("defaultHost", Kind::Object(&HOST)),
        field("network", Kind::Object(&NETWORK)),
        field("hosts", Kind::Objects(&HOST)),
    ],
    methods: &[("addHost", &["hosts"]), ("addHosts", &["hosts"])],
};

/// Manual 9.1.3.
pub(crate) static NETWORK: Class = Class {
    name: "Network",
    parameters: &["name"],
    fields: &[
        field("name", Kind::Text),
        field("bridgeName", Kind::Text),
        field("ip", Kind::Text),
        field("netmask", Kind::Text),
        field("DHCPRange", Kind::TextPair),
        field("DHCPHosts", Kind::Objects(&HOST)),
        field("DnsHosts", Kind::Objects(&HOST)),
        field("lbAlias", Kind::Text),
        field("lbHosts", Kind::ObjectsOrNames(&HOST)),
    ],
    methods: &[
        ("addHost", &["DHCPHosts", "DnsHosts"]),
        ("addHosts", &["DHCPHosts", "DnsHosts"]),
        ("addDhcpHost", &["DHCPHosts"]),
        ("addDnsHost", &["DnsHosts"]),
    ],
};

/// Manual 9.1.3.
pub(crate) static HOST: Class = Class {
    name: "Host",
    parameters: &[
        "name",
        "ip",
        "net",
        "ramSize",
        "arch",
        "bootImage",
        "cacheBootImage",
        "emulatorPath",
        "uuid",
        "aliases",
        "mac",
    ],
    fields: &[
        field("name", Kind::Text),
        field("ip", Kind::Text),
        field("net", Kind::Text),
        field("ramSize", Kind::TextOrNumber),
        field("arch", Kind::Text),
        field("bootImage", Kind::Text),
        field("cacheBootImage", Kind::Flag),
        field("emulatorPath", Kind::Text),
        field("uuid", Kind::Text),
        field("aliases", Kind::Texts),
        field("mac", Kind::Text),
        field("disks", Kind::Objects(&DISK)),
    ],
    methods: &[],
};

/// Manual 9.1.3.
pub(crate) static DISK: Class = Class {
    name: "Disk",
    parameters: &["name", "size", "device", "mountPoint", "cache"],
    fields: &[
        field("name", Kind::Text),
        field("size", Kind::TextOrNumber),
        field("device", Kind::Text),
        field("mountPoint", Kind::Text),
        field("cache", Kind::Flag),
    ],
    methods: &[],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_agree() {
        for class in CLASSES {
            for name in class.parameters {
                assert!(class.field(name).is_some(), "{}.{name}", class.name);
            }
            for (method, targets) in class.methods {
                for target in *targets {
                    assert!(class.field(target).is_some(), "{}.{method}", class.name);
                }
            }
        }
    }
}
