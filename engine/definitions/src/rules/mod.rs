//! The rules: every finding belongs to one. A rule is a file below this folder whose leading comment is its manual
//! page, and a line in the table below. Codes: `XT0` reading and layout, `XT1` suites, `XT2` clusters, `XT3`
//! schedules, `XT4` scripts as definitions name them, `XT5` what is inside of scripts. A code is never used again for
//! something else.

use std::collections::BTreeMap;

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::draft::suite::Suite;
use crate::evaluate::files::Files;
use crate::findings::Findings;
use crate::script::ScriptPolicy;

pub(crate) mod cluster;
pub(crate) mod contents;
pub(crate) mod evaluation;
pub(crate) mod filter;
pub(crate) mod layout;
pub(crate) mod schedule;
pub(crate) mod scripts;
pub(crate) mod suite;

pub use self::filter::{Filter, UnknownCode};

/// What a suite is compared with.
pub(crate) struct Context<'a> {
    pub(crate) files: &'a Files,
    /// All clusters of the repository by file name; `None` for those that could not be evaluated.
    pub(crate) clusters: &'a BTreeMap<&'a str, Option<&'a Cluster>>,
    pub(crate) scripts: &'a ScriptPolicy,
    /// The scripts of all suites.
    pub(crate) library: &'a contents::Library,
}

/// Applies all rules for suites, also to one whose evaluation found errors, which is `broken`. For clusters there is
/// [`cluster::check`].
pub(crate) fn check_suite(suite: &Suite, broken: bool, context: &Context<'_>, findings: &mut Findings) {
    suite::check(suite, context, findings);
    schedule::check(suite, findings);
    scripts::check(suite, broken, context, findings);
}

/// A kind of finding.
#[derive(Debug)]
pub struct Rule {
    /// `XT1003`.
    pub code: &'static str,
    /// In a few words with hyphens: `unknown-cluster`.
    pub name: &'static str,
    /// How bad its findings are.
    pub severity: Severity,
    /// The text of the rule's own source file, whose leading comment is its manual page.
    source: &'static str,
}

impl Rule {
    const fn new(code: &'static str, name: &'static str, severity: Severity, source: &'static str) -> Self {
        Self { code, name, severity, source }
    }

    /// What the rule reports: the first paragraph of its page, on one line.
    pub fn summary(&self) -> String {
        let lines = self.source.lines().skip(1).map_while(|line| line.strip_prefix("//! "));
        lines.collect::<Vec<_>>().join(" ")
    }

    /// The manual page, Markdown: what the rule does, why it matters, an example, and how to fix it.
    pub fn page(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        let body: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        format!("# {} ({})\n\n{}\n", self.name, self.code, body.join("\n").trim())
    }
}

/// All rules in the order of their codes.
pub fn all() -> &'static [Rule] {
    ALL
}

/// The rule with a code, in any case: `XT1003`, `xt1003`; or with a name.
pub fn find(code: &str) -> Option<&'static Rule> {
    all().iter().find(|rule| rule.code.eq_ignore_ascii_case(code) || rule.name.eq_ignore_ascii_case(code))
}

/// By code.
static ALL: &[Rule] = &[
    evaluation::syntax_error::RULE,
    evaluation::unreadable_file::RULE,
    evaluation::missing_function::RULE,
    evaluation::wrong_return::RULE,
    evaluation::evaluation_failed::RULE,
    evaluation::limit_exceeded::RULE,
    evaluation::import_failed::RULE,
    evaluation::import_cycle::RULE,
    evaluation::internal_error::RULE,
    evaluation::unknown_field::RULE,
    evaluation::wrong_type::RULE,
    evaluation::wrong_arguments::RULE,
    evaluation::too_large::RULE,
    evaluation::unused_suppression::RULE,
    evaluation::bad_suppression::RULE,
    evaluation::unreached_mistake::RULE,
    layout::stray_file::RULE,
    layout::folder_without_definition::RULE,
    layout::name_mismatch::RULE,
    layout::defined_twice::RULE,
    layout::unreadable_folder::RULE,
    layout::malformed_name::RULE,
    layout::in_two_repositories::RULE,
    suite::missing_field::RULE,
    suite::no_tests::RULE,
    suite::unknown_cluster::RULE,
    suite::unknown_machine::RULE,
    suite::bad_alert_policy::RULE,
    suite::bad_email::RULE,
    suite::bad_tag::RULE,
    suite::bad_duration::RULE,
    suite::repeated_entry::RULE,
    suite::machine_not_in_suite::RULE,
    suite::relative_log::RULE,
    suite::host_in_two_clusters::RULE,
    suite::bad_core_dumps::RULE,
    cluster::missing_field::RULE,
    cluster::no_hosts::RULE,
    cluster::duplicate_host::RULE,
    cluster::duplicate_address::RULE,
    cluster::duplicate_mac::RULE,
    cluster::malformed_address::RULE,
    cluster::host_outside_network::RULE,
    cluster::own_address_in_range::RULE,
    cluster::bad_dhcp_range::RULE,
    cluster::bad_size::RULE,
    cluster::bad_bridge_name::RULE,
    cluster::malformed_mac::RULE,
    cluster::bad_uuid::RULE,
    cluster::network_conflict::RULE,
    cluster::malformed_host_name::RULE,
    cluster::duplicate_disk::RULE,
    cluster::bad_mount_point::RULE,
    cluster::wrong_network::RULE,
    cluster::bad_balanced_alias::RULE,
    cluster::host_lists_differ::RULE,
    cluster::nothing_is_made::RULE,
    cluster::bad_vcpus::RULE,
    cluster::initrd_without_kernel::RULE,
    cluster::bad_forward::RULE,
    schedule::unknown_schedule_field::RULE,
    schedule::bad_schedule_value::RULE,
    schedule::bad_cron::RULE,
    schedule::bad_timezone::RULE,
    schedule::bad_schedule_policy::RULE,
    schedule::bad_jitter::RULE,
    schedule::never_starts::RULE,
    schedule::timing_without_schedule::RULE,
    scripts::missing_script::RULE,
    scripts::missing_case_folder::RULE,
    scripts::missing_run_script::RULE,
    scripts::bad_script_reference::RULE,
    scripts::script_outside::RULE,
    scripts::script_not_allowed::RULE,
    scripts::bad_interpreter_line::RULE,
    scripts::unlisted_case::RULE,
    contents::unknown_tag::RULE,
    contents::carriage_returns::RULE,
    contents::shell_syntax::RULE,
    contents::missing_source::RULE,
    contents::missing_download::RULE,
    contents::shellcheck::RULE,
    contents::unknown_role::RULE,
    contents::missing_fetch::RULE,
];
