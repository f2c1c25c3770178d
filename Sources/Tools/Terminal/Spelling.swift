/// Words that were probably meant.
enum Spelling {
    /// The one of `words` that is nearest to a misspelt one; nil if none is near.
    static func nearest(to word: String, in words: [String]) -> String? {
        let near = words.map { (word: $0, distance: distance(word.lowercased(), $0)) }.min { $0.distance < $1.distance }
        guard let near, near.distance <= max(1, word.count / 3) else { return nil }
        return near.word
    }

    /// Levenshtein's distance. O(a * b).
    private static func distance(_ a: String, _ b: String) -> Int {
        let b = Array(b)
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var corner = row[0]
            row[0] = i + 1
            for j in b.indices {
                let changed = corner + (x == b[j] ? 0 : 1)
                corner = row[j + 1]
                row[j + 1] = min(changed, row[j] + 1, corner + 1)
            }
        }
        return row[b.count]
    }
}
