/// The vectors before each layer, which the backward pass needs from the last layer to the first: those of all layers if they take little memory, else those
/// of every few layers, from which the others are computed again.
package struct SavedVectors {
    /// The memory up to which all are saved.
    static let comfortableBytes = 1 << 30

    /// Every so many layers' vectors are saved.
    package let interval: Int
    /// By layer, one matrix per window.
    private var saved: [Int: [FloatMatrix]] = [:]

    /// - Parameter bytes: the memory of the vectors before one layer.
    package init(layers: Int, bytes: Int) { interval = Self.interval(layers: layers, bytes: bytes) }

    private static func interval(layers: Int, bytes: Int) -> Int {
        let (total, overflow) = bytes.multipliedReportingOverflow(by: layers)
        return !overflow && total <= comfortableBytes ? 1 : max(1, Int(Double(layers).squareRoot().rounded(.up)))
    }

    /// The largest number of layers whose vectors are in memory at a time.
    package static func count(layers: Int, bytes: Int) -> Int {
        let interval = interval(layers: layers, bytes: bytes)
        return (layers + interval - 1) / interval + interval - 1
    }

    /// Saves copies of the windows before a layer in the forward pass, if its turn has come.
    package mutating func save(_ windows: [FloatMatrix], before layer: Int) {
        if layer.isMultiple(of: interval) { saved[layer] = windows.map { FloatMatrix(copying: $0, 0..<$0.count) } }
    }

    /// Removes and returns the windows before a layer. Layers are taken from the last to the first.
    ///
    /// - Parameter apply: runs a layer for one window.
    package mutating func take(before layer: Int, apply: (_ layer: Int, _ window: FloatMatrix) throws -> Void) rethrows -> [FloatMatrix] {
        if let windows = saved.removeValue(forKey: layer) { return windows }
        let start = layer / interval * interval
        var windows = saved[start] ?? []
        for index in start..<layer {
            windows = windows.map { FloatMatrix(copying: $0, 0..<$0.count) }
            for window in windows { try apply(index, window) }
            saved[index + 1] = windows
        }
        saved[layer] = nil
        return windows
    }

    /// How often a layer's forward pass is run again, summed over all layers.
    package func repeatedPasses(layers: Int) -> Int { layers - (layers + interval - 1) / interval }
}
