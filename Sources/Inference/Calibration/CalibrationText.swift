internal import CCalibrationText
internal import QAMFormat

/// The text that models are calibrated on by default: prose in many languages, code, mathematics and dialogues (docs/calibration.md). Each
/// prefix of it is a fair mixture of all of them.
package enum CalibrationText {
    package static let length = 854_821

    /// The text, in UTF-8. Decompresses it: milliseconds, and memory for its length.
    package static func bytes() throws -> [UInt8] {
        var stored = 0
        let start = unsafe qam_calibration_text(&stored)
        return try ZstdFrames.decompress(unsafe Array(UnsafeBufferPointer(start: start, count: stored))[...], size: length)
    }
}
