/// The sections that a file keeps when it is rewritten with other metadata.
struct KeptSections {
    /// The section `shards` of a file of a set.
    var shards: [UInt8] = []
    var content: [UInt8] = []
}

/// The layout of a .qamw output, one file or a set, before its payload is written.
struct ContainerLayout {
    /// A file: its contents and their places.
    struct File {
        var source: any TensorSource
        var plan: ContainerPlan
    }

    let files: [File]
    /// For each tensor of the model, the file and the index there.
    private(set) var places: [(file: Int, tensor: Int)]
    private let tensors: [TensorDescriptor]

    /// Tensors are assigned to files greedily and in order (`ShardGroups`), aliases to the file of their target, so that each file is valid on
    /// its own. `keeping` is what a file that is rewritten keeps; `content` the hashes to be kept in the files. Throws `invalidArgument` and `unsupported` for what the
    /// format cannot hold.
    init(_ source: any TensorSource, options: ContainerOptions, maxShardSize: Int?, keeping kept: KeptSections = KeptSections(), content: ContentLeaves? = nil)
        throws
    {
        tensors = source.tensors
        let groups = try Self.groups(tensors, maxShardSize)
        guard groups.count > 1 else {
            files = [
                File(
                    source: source,
                    plan: try ContainerPlan(
                        source, options: options, shards: kept.shards,
                        content: content?.section(tensors: Array(tensors.indices), hasFiles: true) ?? kept.content))
            ]
            places = tensors.indices.map { (0, $0) }
            return
        }
        places = Array(repeating: (0, 0), count: tensors.count)
        for (file, group) in groups.enumerated() {
            for (tensor, index) in group.enumerated() { places[index] = (file, tensor) }
        }
        // The identities of the other files are known at the end; zeros have the same length.
        let index = Self.index(tensors, places, identities: Array(repeating: 0, count: groups.count - 1))
        files = try groups.enumerated().map { file, group in
            let part = ShardSource(source, indices: group, isFirst: file == 0)
            // The metadata are edited in the first file only.
            var options = options
            if file > 0 { options.metadataCapacity = 0 }
            let shards = file == 0 ? index : ShardSection.encode(number: file + 1, count: groups.count)
            return File(
                source: part,
                plan: try ContainerPlan(part, options: options, shards: shards, content: content?.section(tensors: group, hasFiles: file == 0) ?? []))
        }
    }

    /// The section of the first file, when the others are complete.
    func index(identities: [UInt64]) -> [UInt8] { Self.index(tensors, places, identities: identities) }

    private static func index(_ tensors: [TensorDescriptor], _ places: [(file: Int, tensor: Int)], identities: [UInt64]) -> [UInt8] {
        ShardSection.encode(identities: identities, tensors: zip(tensors, places).map { ($0.name, $1.file) })
    }

    private static func groups(_ tensors: [TensorDescriptor], _ maxShardSize: Int?) throws -> [[Int]] {
        guard let maxShardSize else { return [Array(tensors.indices)] }
        try TensorTotals.check(tensors)
        let stored = tensors.indices.filter { if case .alias = tensors[$0].storage { false } else { true } }
        let groups = ShardGroups.groups(sizes: stored.map { tensors[$0].byteCount }, limit: maxShardSize).map { $0.map { stored[$0] } }
        guard groups.count <= ShardSection.maximumCount else {
            throw QAMError(.unsupported, "\(groups.count) files are more than a set can have, \(ShardSection.maximumCount); allow larger ones")
        }
        var files = Array(repeating: 0, count: tensors.count)
        for (file, group) in groups.enumerated() { for tensor in group { files[tensor] = file } }
        var all = Array(repeating: [Int](), count: groups.count)
        for (index, tensor) in tensors.enumerated() {
            if case .alias(let target) = tensor.storage { files[index] = files[target] }
            all[files[index]].append(index)
        }
        return all
    }
}
