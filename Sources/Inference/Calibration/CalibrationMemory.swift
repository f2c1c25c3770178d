internal import QAMFormat

/// The memory of a calibration.
extension Calibrator {
    /// The bytes of the vectors of so many windows before one layer; the largest number if they cannot be counted.
    func vectorBytes(windows: Int) -> Int {
        let tokens = context.multipliedReportingOverflow(by: windows)
        let bytes = tokens.partialValue.multipliedReportingOverflow(by: MemoryLayout<Float>.stride * model.configuration.width)
        return tokens.overflow || bytes.overflow ? .max : bytes.partialValue
    }

    /// How many layers' vectors are in memory: those before each saved layer, and the current ones.
    private func vectorCount(bytes: Int) -> Int { gathersGradients ? SavedVectors.count(layers: model.layers.count, bytes: bytes) + 1 : 1 }

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
        let bytes = vectorBytes(windows: windows), all = bytes.multipliedReportingOverflow(by: vectorCount(bytes: bytes))
        let total = all.partialValue.addingReportingOverflow(passBytes + partBytes)
        return all.overflow || total.overflow ? .max : total.partialValue
    }

    /// Throws `limitExceeded` for more windows than fit in this machine's memory.
    func requireMemory(windows: Int) throws {
        let bytes = vectorBytes(windows: windows)
        try MemoryBound.require(
            vectorCount(bytes: bytes), of: bytes, "the activations of \(windows) windows\(gathersGradients ? " before several layers" : "")")
        try MemoryBound.require(1, of: passBytes, "windows of \(context) tokens")
    }
}
