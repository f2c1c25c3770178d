/// The version of this library and of the programs that are made with it.
public enum Version {
    /// The version of this package.
    public static let text = "0.3.0"
}
