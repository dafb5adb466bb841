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
    /// Most bytes of a string, elements of an array, entries of a map. Objects are shared, so a few lines can make a
    /// definition of any size out of them: what is worked on later is bounded by these.
    pub(crate) most: usize,
}

/// Most bytes of a string in an array or a map.
pub(crate) const ELEMENT_BYTES: usize = 1024;

/// Most bytes of a string in a map: a tag may stand for a whole configuration file.
pub(crate) const TEXT_BYTES: usize = 16 << 10;

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

/// Most bytes of a string that is no script.
const TEXT: usize = 1024;
/// Most bytes of a script that stands in a definition. Longer ones stand in files.
const SCRIPT: usize = 32 << 10;
/// Most hosts of a cluster.
const HOSTS: usize = 1000;

const fn field(name: &'static str, kind: Kind, most: usize) -> Field {
    Field { name, kind, most }
}

/// All classes.
pub(crate) static CLASSES: [&Class; 6] = [&TEST_SUITE, &TEST_CASE, &CLUSTER, &NETWORK, &HOST, &DISK];

/// Manual 6.1.1, 9.1.11.
pub(crate) static TEST_SUITE: Class = Class {
    name: "TestSuite",
    parameters: &["name"],
    fields: &[
        field("name", Kind::Text, TEXT),
        field("descName", Kind::Text, TEXT),
        field("clusters", Kind::Texts, 16),
        field("machines", Kind::Texts, HOSTS),
        field("schedule", Kind::TextMapOrText, TEXT),
        field("tests", Kind::ObjectsOrNames(&TEST_CASE), 500),
        field("initialize", Kind::Text, SCRIPT),
        field("finalize", Kind::Text, SCRIPT),
        field("logs", Kind::Texts, 100),
        field("alert_emails", Kind::Texts, 100),
        field("alert_success", Kind::Text, TEXT),
        field("alert_failure", Kind::Text, TEXT),
        field("timeout", Kind::Text, TEXT),
        field("stage_timeout", Kind::Text, TEXT),
        field("tags", Kind::TextMap, 200),
        field("timezone", Kind::Text, TEXT),
        field("missed", Kind::Text, TEXT),
        field("overlap", Kind::Text, TEXT),
        field("jitter", Kind::Text, TEXT),
    ],
    methods: &[],
};

/// Manual 9.1.11; with machines and scripts of its own as the first versions of the original had it.
pub(crate) static TEST_CASE: Class = Class {
    name: "TestCase",
    parameters: &["name"],
    fields: &[
        field("name", Kind::Text, TEXT),
        field("machines", Kind::Texts, HOSTS),
        field("initialize", Kind::Text, SCRIPT),
        field("run", Kind::Text, SCRIPT),
        field("finalize", Kind::Text, SCRIPT),
    ],
    methods: &[],
};

/// Manual 9.1.3.
pub(crate) static CLUSTER: Class = Class {
    name: "Cluster",
    parameters: &["name"],
    fields: &[
        field("name", Kind::Text, TEXT),
        field("info", Kind::Text, TEXT),
        field("external", Kind::Flag, 0),
        field("hypervisor", Kind::Text, TEXT),
        field("defaultHost", Kind::Object(&HOST), 0),
        field("network", Kind::Object(&NETWORK), 0),
        field("hosts", Kind::Objects(&HOST), HOSTS),
    ],
    methods: &[("addHost", &["hosts"]), ("addHosts", &["hosts"])],
};

/// Manual 9.1.3.
pub(crate) static NETWORK: Class = Class {
    name: "Network",
    parameters: &["name"],
    fields: &[
        field("name", Kind::Text, TEXT),
        field("bridgeName", Kind::Text, TEXT),
        field("ip", Kind::Text, TEXT),
        field("netmask", Kind::Text, TEXT),
        field("DHCPRange", Kind::TextPair, 2),
        field("DHCPHosts", Kind::Objects(&HOST), HOSTS),
        field("DnsHosts", Kind::Objects(&HOST), HOSTS),
        field("lbAlias", Kind::Text, TEXT),
        field("lbHosts", Kind::ObjectsOrNames(&HOST), HOSTS),
        field("forward", Kind::Text, TEXT),
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
        field("name", Kind::Text, TEXT),
        field("ip", Kind::Text, TEXT),
        field("net", Kind::Text, TEXT),
        field("ramSize", Kind::TextOrNumber, TEXT),
        field("arch", Kind::Text, TEXT),
        field("bootImage", Kind::Text, TEXT),
        field("cacheBootImage", Kind::Flag, 0),
        field("emulatorPath", Kind::Text, TEXT),
        field("uuid", Kind::Text, TEXT),
        field("aliases", Kind::Texts, 64),
        field("mac", Kind::Text, TEXT),
        field("disks", Kind::Objects(&DISK), 32),
        field("vcpus", Kind::TextOrNumber, TEXT),
        field("kernel", Kind::Text, TEXT),
        field("initrd", Kind::Text, TEXT),
        field("cmdline", Kind::Text, TEXT),
    ],
    methods: &[],
};

/// Manual 9.1.3.
pub(crate) static DISK: Class = Class {
    name: "Disk",
    parameters: &["name", "size", "device", "mountPoint", "cache"],
    fields: &[
        field("name", Kind::Text, TEXT),
        field("size", Kind::TextOrNumber, TEXT),
        field("device", Kind::Text, TEXT),
        field("mountPoint", Kind::Text, TEXT),
        field("cache", Kind::Flag, 0),
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
