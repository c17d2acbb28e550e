//! Finds any of a subscription's secrets in one pass over a text (Aho and Corasick, 1975).
//!
//! The crate `aho-corasick` is not used: it does not wipe what it holds, nor tell how much
//! of a pattern a text ends with.

use std::ops::Range;

use zeroize::{Zeroize, Zeroizing};

/// Most bytes of all secrets together. There is a node for each, and two more, which
/// [`NodeIndex`] counts.
pub const MAX_SECRETS_BYTES: usize = NodeIndex::MAX as usize - 1;

type NodeIndex = u16;

const ROOT: NodeIndex = 0;

/// A beginning of secrets.
#[derive(Clone, Copy, Default, Zeroize)]
struct TrieNode {
    /// Its last byte, in lower case.
    byte: u8,
    /// How long it is.
    depth: u16,
    /// How long the longest secret is with which it ends; zero if it ends with none.
    longest: u16,
    /// The beginnings that are longer by one byte stand from here on, by that byte, up to
    /// the next node's.
    first_child: NodeIndex,
    /// The longest other beginning with which it ends.
    link: NodeIndex,
}

/// The beginnings of all secrets, by length, and one node that only ends the children of
/// the last.
pub struct SecretAutomaton {
    nodes: Zeroizing<Vec<TrieNode>>,
}

impl SecretAutomaton {
    /// `None` if the secrets have more than [`MAX_SECRETS_BYTES`].
    pub fn build(mut secrets: Vec<Zeroizing<Vec<u8>>>) -> Option<Self> {
        for secret in &mut secrets {
            secret.make_ascii_lowercase();
        }
        secrets.sort_unstable_by(|a, b| a.as_slice().cmp(b.as_slice()));
        secrets.dedup();
        let bytes: usize = secrets.iter().map(|secret| secret.len()).sum();
        if bytes > MAX_SECRETS_BYTES {
            return None;
        }
        // With room for all, so that nothing is left behind by a move.
        let mut nodes = Zeroizing::new(Vec::<TrieNode>::with_capacity(bytes + 2));
        nodes.push(TrieNode::default());
        // The secrets that begin as each node of one length does.
        let mut level = vec![secrets.as_slice()];
        let (mut parent, mut depth) = (0, 0);
        while !level.is_empty() {
            let mut next_level = Vec::new();
            for group in level {
                let first_child = NodeIndex::try_from(nodes.len()).ok()?;
                if let Some(node) = nodes.get_mut(parent) {
                    node.first_child = first_child;
                }
                parent += 1;
                for same in group.chunk_by(|a, b| a.get(depth) == b.get(depth)) {
                    // The shortest, since they are sorted.
                    if let Some(secret) = same.first()
                        && let Some(byte) = secret.get(depth)
                    {
                        let length = u16::try_from(depth + 1).ok()?;
                        let longest = if secret.len() == depth + 1 { length } else { 0 };
                        let node =
                            TrieNode { byte: *byte, depth: length, longest, ..TrieNode::default() };
                        nodes.push(node);
                        next_level.push(same);
                    }
                }
            }
            level = next_level;
            depth += 1;
        }
        let end = NodeIndex::try_from(nodes.len()).ok()?;
        nodes.push(TrieNode { first_child: end, ..TrieNode::default() });
        let mut automaton = Self { nodes };
        automaton.link_nodes(end);
        Some(automaton)
    }

    /// Shorter ones first, of which the longer ones are made.
    fn link_nodes(&mut self, end: NodeIndex) {
        for parent in ROOT..end {
            for child in self.children(parent) {
                let TrieNode { byte, longest, .. } = self.node(child);
                let link = match parent {
                    ROOT => ROOT,
                    _ => self.next(self.node(parent).link, byte),
                };
                let longest = longest.max(self.node(link).longest);
                if let Some(node) = self.nodes.get_mut(usize::from(child)) {
                    (node.link, node.longest) = (link, longest);
                }
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.children(ROOT).is_empty()
    }

    /// A search that has read nothing yet.
    pub fn search(&self) -> SecretSearch<'_> {
        SecretSearch { automaton: self, node: ROOT, starts: Vec::new(), found: Vec::new() }
    }

    fn node(&self, index: NodeIndex) -> TrieNode {
        self.nodes.get(usize::from(index)).copied().unwrap_or_default()
    }

    fn children(&self, index: NodeIndex) -> Range<NodeIndex> {
        self.node(index).first_child..self.node(index.saturating_add(1)).first_child
    }

    fn child(&self, index: NodeIndex, byte: u8) -> Option<NodeIndex> {
        let range = self.children(index);
        let children = self.nodes.get(usize::from(range.start)..usize::from(range.end))?;
        let found = children.binary_search_by_key(&byte, |node| node.byte).ok()?;
        range.start.checked_add(NodeIndex::try_from(found).ok()?)
    }

    /// The longest beginning with which a text ends after one more byte. Each step back is
    /// one that an earlier byte took forth, so a text takes no more than two for each byte.
    fn next(&self, mut index: NodeIndex, byte: u8) -> NodeIndex {
        loop {
            match self.child(index, byte) {
                Some(child) => return child,
                None if index == ROOT => return ROOT,
                None => index = self.node(index).link,
            }
        }
    }
}

/// One pass over a text.
pub struct SecretSearch<'a> {
    automaton: &'a SecretAutomaton,
    node: NodeIndex,
    /// Where each byte that was read stands.
    starts: Vec<usize>,
    /// In order, and apart from each other.
    found: Vec<Range<usize>>,
}

impl SecretSearch<'_> {
    /// Reads the next byte, which stands or is written at this place of the text.
    pub fn push(&mut self, byte: u8, place: Range<usize>) {
        self.starts.push(place.start);
        self.node = self.automaton.next(self.node, byte.to_ascii_lowercase());
        // Shorter ones that end here too are parts of it.
        let longest = self.automaton.node(self.node).longest;
        if longest > 0 {
            self.add(longest, place.end);
        }
    }

    /// The places of all secrets, and of the beginning of one, of at least so many bytes,
    /// with which the text ends.
    pub fn finish(mut self, end: usize, least: usize) -> Vec<Range<usize>> {
        let depth = self.automaton.node(self.node).depth;
        if usize::from(depth) >= least {
            self.add(depth, end);
        }
        self.found
    }

    /// Adds the place of the last bytes read, and unites those that meet: a text may end
    /// with a secret after each of its bytes.
    fn add(&mut self, length: u16, end: usize) {
        let first = self.starts.len().checked_sub(usize::from(length));
        let Some(mut start) = first.and_then(|first| self.starts.get(first).copied()) else {
            return;
        };
        while let Some(last) = self.found.pop_if(|last| last.end >= start) {
            start = start.min(last.start);
        }
        self.found.push(start..end);
    }
}
