/// Which tensors go into which file of a set.
package enum ShardGroups {
    /// Items of these sizes in groups of at most `limit` bytes, greedily and in order: a group is closed when the next item would not
    /// fit, and an item that is larger than the limit gets a group of its own. One group at least. The sum of the sizes must not overflow.
    package static func groups(sizes: [Int], limit: Int) -> [[Int]] {
        var groups: [[Int]] = []
        var current: [Int] = []
        var total = 0
        for (item, size) in sizes.enumerated() {
            if !current.isEmpty, total > limit - min(size, limit) {
                groups.append(current)
                current = []
                total = 0
            }
            current.append(item)
            total += size
        }
        if !current.isEmpty || groups.isEmpty { groups.append(current) }
        return groups
    }
}
