internal import QAMFormat

/// The memory of a calibration.
extension Calibrator {
    /// The bytes of the vectors of so many windows: before each saved layer, and the current ones.
    private func vectorBytes(windows: Int) -> (count: Int, each: Int) {
        let layers = model.layers.count, tokens = context.multipliedReportingOverflow(by: windows)
        let bytes = MemoryLayout<Float>.stride * model.configuration.width
        let one = tokens.partialValue.multipliedReportingOverflow(by: bytes)
        let each = tokens.overflow || one.overflow ? Int.max : one.partialValue
        return (gathersGradients ? SavedVectors.count(layers: layers, bytes: each) + 1 : 1, each)
    }

    /// The bytes that one window needs in a layer.
    private var passBytes: Int {
        let c = model.configuration
        return context * ((gathersGradients ? LayerGradient.bytesOfToken(c) : LayerPass.bytesOfToken(c)) + KeyValueCache.bytesOfToken(c))
    }

    /// The largest statistics, and with gradients the float32 weights, of a part.
    private var partBytes: Int {
        parts.map { part in
            let hessians = (gathersHessians ? part.inputs.map(\.width) : []) + part.outputs.map(\.rows)
            return hessians.reduce(0) { $0 + MemoryLayout<Float>.stride * $1 * $1 }
        }.max().map { $0 + (gathersGradients ? max(HeadGradient.byteCount(model), model.layers.map(LayerGradient.byteCount).max() ?? 0) : 0) } ?? 0
    }

    /// About how much memory a run takes.
    package func byteCount(windows: Int) -> Int {
        let vectors = vectorBytes(windows: windows), all = vectors.each.multipliedReportingOverflow(by: vectors.count)
        let total = all.partialValue.addingReportingOverflow(passBytes + partBytes)
        return all.overflow || total.overflow ? .max : total.partialValue
    }

    /// Throws `limitExceeded` for more windows than fit in this machine's memory.
    func requireMemory(windows: Int) throws {
        let vectors = vectorBytes(windows: windows)
        try MemoryBound.require(
            vectors.count, of: vectors.each, "the activations of \(windows) windows\(gathersGradients ? " before several layers" : "")")
        try MemoryBound.require(1, of: passBytes, "windows of \(context) tokens")
    }
}
