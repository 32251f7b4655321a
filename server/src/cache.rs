//! A map that forgets what was not asked for lately.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// A map of bounded size in two generations: what is used moves to the young one, and when that is
/// full, the old one goes. Holds between one and two times its capacity; every step is O(1).
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    capacity: usize,
}

impl<K: Eq + Hash + Copy, V> Cache<K, V> {
    /// An empty cache whose generations hold `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            capacity: capacity.max(1),
        }
    }

    /// Keeps `value` under `key`.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// What is kept under `key`.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if let Some(value) = self.old.remove(key) {
            self.insert(*key, value);
        }
        self.young.get_mut(key)
    }

    /// Forgets what is kept under `key`.
    pub(crate) fn remove(&mut self, key: &K) {
        self.old.remove(key);
        self.young.remove(key);
    }

    /// How many it keeps.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise whoever names many spaces fills the relay's memory.
    #[test]
    fn a_cache_stays_small_and_keeps_what_is_used() {
        let mut cache = Cache::new(10);
        cache.insert(0, 0);
        for key in 1..1_000 {
            cache.insert(key, key);
            assert_eq!(cache.get(&0), Some(&mut 0));
            assert!(cache.len() <= 20);
        }
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.get(&999), Some(&mut 999));
        cache.remove(&0);
        assert_eq!(cache.get(&0), None);
        cache.clear();
        assert_eq!(cache.get(&999), None);
    }
}
