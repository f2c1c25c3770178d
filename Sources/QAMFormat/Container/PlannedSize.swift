extension ContainerPlan {
    /// The file's length with the embedded files as they will be stored: exact, unless raw tensors are compressed too.
    package func byteCount(storing files: [any EmbeddedFile]) throws -> Int {
        var placement = Placement()
        var chunks = 0
        for file in files {
            let content = try file.read(0..<file.byteCount)
            let compressed = try ZstdFrames.compressAll(content).count
            let isWorthwhile = ZstdFrames.isWorthwhile(stored: compressed, content: content.count)
            chunks += placement.next(.files, length: isWorthwhile ? compressed : content.count).chunkCount
        }
        var plan = sections(filesLength: placement.length(of: .files))
        for name in [SectionName.scales, .symbols, .raw] {
            let extents = directory.extents(in: name)
            if name == .raw, let end = extents.last?.extent.end, hasRaw { plan.append(.raw, length: end) }
            chunks += extents.reduce(0) { $0 + $1.extent.chunkCount }
        }
        return plan.nextOffset + 8 * chunks
    }
}
