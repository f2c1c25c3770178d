/// Distributes tensors over the files of a set.
package enum ShardGroups {
    /// Groups items of these sizes, greedily and in order, so that each group has at most `limit` bytes. An item that is larger than the limit
    /// gets a group of its own. Returns at least one group. The sum of the sizes must not overflow.
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
