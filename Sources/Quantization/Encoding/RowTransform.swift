package import QAMFormat

/// What rows go through before they are coded, and the channels of what they are multiplied by the other way: channel scales, and
/// a rotation where the code has one.
package struct RowTransform: Hashable, Sendable {
    package let columns: Int
    package let rotation: Rotation?
    /// A positive factor for each column, as a reader will see it, or nil.
    package let channelScales: [Float]?

    package init(columns: Int, rotation: Rotation?, channelScales: [Float]? = nil) {
        self.columns = columns
        self.rotation = rotation
        self.channelScales = channelScales
    }

    /// The rotation of a code that has one.
    ///
    /// - Throws: `QAMError.invalidArgument` where there is none.
    func requiredRotation() throws -> Rotation {
        guard let rotation else { throw QAMError(.invalidArgument, "rows are coded without the rotation that their code takes") }
        return rotation
    }

    /// Scales a row of weights.
    func scale(_ row: inout [Float], _ kernels: Kernels) {
        if let channelScales { kernels.multiply(&row, by: channelScales) }
    }

    /// Takes a scaled row to coordinates: divided by its gain, and rotated.
    func rotate(_ row: inout [Float], gain: Float, _ kernels: Kernels) {
        if let rotation { return kernels.rotate(&row, by: rotation, inverseGain: 1 / Double(gain)) }
        for column in row.indices { row[column] /= gain }
    }
}
