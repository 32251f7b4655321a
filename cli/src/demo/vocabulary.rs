//! The 150 words that made-up notes are made of.

/// The words.
pub(crate) const WORDS: [&str; 150] = [
    "after", "again", "almost", "alone", "apples", "asked", "autumn", "awake", "bakery", "balcony",
    "because", "bench", "better", "bicycle", "blackbird", "blanket", "breakfast", "breathing",
    "bridge", "brother", "butterflies", "calmer", "candle", "cathedral", "children", "chocolate",
    "cinnamon", "clouds", "coffee", "colleague", "cooking", "corner", "counted", "courtyard",
    "crossing", "daughter", "dentist", "difficult", "dinner", "distracted", "dragonfly", "drawing",
    "early", "easier", "elderberry", "evening", "everything", "favourite", "fireplace", "flowers",
    "footsteps", "forgotten", "friend", "garden", "gentle", "gingerbread", "grateful", "harbour",
    "headphones", "heavy", "herons", "hesitated", "humming", "hurried", "kettle", "kitchen",
    "laughed", "lavender", "letter", "library", "lighthouse", "listened", "lonely", "lunch",
    "market", "meadow", "melody", "moonlight", "morning", "mother", "museum", "neighbour",
    "nervous", "nightingale", "noticed", "ordinary", "orchard", "overslept", "painting", "pancakes",
    "patience", "pebbles", "phoned", "pillow", "poplars", "postcard", "practised", "promised",
    "puddles", "puzzle", "quarrel", "quiet", "radio", "raincoat", "reading", "remembered", "restless",
    "rhubarb", "river", "rosemary", "sailing", "sandwich", "saxophone", "seagulls", "shoulders",
    "silence", "sister", "sleepless", "slippers", "slowly", "snowdrops", "soup", "sparrow",
    "stairs", "station", "stomach", "strawberry", "stretched", "sunflower", "sunrise", "swallows",
    "swimming", "tangled", "telephoned", "thunderstorm", "tired", "together", "tomatoes", "towards",
    "train", "umbrella", "upstairs", "vegetables", "violin", "waited", "walking", "watercolours",
    "weekend", "window", "wondering",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The byte counts are for a vocabulary of 150 words.
    #[test]
    fn no_word_is_there_twice() {
        assert_eq!(WORDS.iter().collect::<BTreeSet<_>>().len(), 150);
    }
}
