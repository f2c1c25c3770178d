import QAMFormat

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The cache of models on this machine in which Hugging Face's tools keep what they fetch: `models--ORG--NAME` with `refs` and `snapshots`. Nothing is
/// fetched here.
package enum HubCache {
    private static let prefix = "models--"
    private static let refs = "refs", snapshots = "snapshots", main = "main"

    /// The path of a model as users name it: a file or a folder as it is; the folder of a model in the cache as that of its snapshot; `ORG/NAME` or
    /// `NAME` as that of the model with this name in the cache, if no such path exists.
    ///
    /// - Throws: `notFound` if there is no such path or model, saying how to fetch it; `malformed` for a cache that names no snapshot; `io`.
    package static func resolved(_ path: String) throws -> String {
        if let status = try FileStatus(path) { return try status.kind == .folder ? snapshot(in: path) ?? path : path }
        guard isModelName(path), try FileStatus(link: path) == nil, let cache = folder() else { return path }
        let root = Path.join(cache, prefix + path.replacing("/", with: "--"))
        guard try FileStatus(root)?.kind == .folder else {
            // A plain name is more likely that of a file.
            guard path.contains("/") else { return path }
            throw QAMError(
                .notFound,
                "no such file, and no model of this name in the cache \(cache): if it is one of the Hugging Face Hub, \"hf download \(path)\" fetches it",
                at: .init(file: path))
        }
        guard let snapshot = try snapshot(in: root) else {
            throw QAMError(.notFound, "the cache has no snapshot of it in \(root): \"hf download \(path)\" fetches it", at: .init(file: path))
        }
        return snapshot
    }

    /// The folder of a cached model's snapshot: that of `refs/main`, else the only one. Nil unless the folder is of a cached model.
    private static func snapshot(in root: String) throws -> String? {
        let folder = Path.join(root, snapshots)
        guard try FileStatus(folder)?.kind == .folder, try FileStatus(Path.join(root, refs))?.kind == .folder || Path.name(of: trimmed(root)).hasPrefix(prefix)
        else { return nil }
        let names = try Folder.names(in: folder).filter { try FileStatus(Path.join(folder, $0))?.kind == .folder }
        let ref = Path.join(Path.join(root, refs), main)
        if try FileStatus(ref)?.kind == .file {
            let file = try FileBytes(path: ref)
            let text = String(decoding: try file.read(0..<min(file.byteCount, 256)), as: UTF8.self)
            let name = text.filter { !$0.isWhitespace }
            guard EmbeddedFileName.isPlain(name), names.contains(name) else {
                throw QAMError(.malformed, "it names the snapshot \"\(name)\", which is not in \(folder): fetch the model again", at: .init(file: ref))
            }
            return Path.join(folder, name)
        }
        guard names.count <= 1 else {
            throw QAMError(.malformed, "there are \(names.count) snapshots and no refs/main; name one of \(folder)/*", at: .init(file: root))
        }
        return names.first.map { Path.join(folder, $0) }
    }

    /// The model's name if the folder is a snapshot in a cache.
    package static func modelName(ofSnapshot path: String) -> String? {
        let parent = Path.folder(of: path), root = Path.name(of: Path.folder(of: parent))
        guard Path.name(of: parent) == snapshots, root.hasPrefix(prefix) else { return nil }
        let name = name(ofRoot: root)
        return name.split(separator: "/").last.map(String.init)
    }

    /// Advice for the cache itself, given as a model.
    static func advice(names: [String]) -> String? {
        let models = names.filter { $0.hasPrefix(prefix) }.map(name(ofRoot:))
        guard let first = models.first else { return nil }
        return "it is a cache of \(Format.count(models.count, "model")): name one of them, such as \(first)"
    }

    private static func name(ofRoot root: String) -> String {
        String(root.dropFirst(prefix.count)).replacing("--", with: "/")
    }

    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    /// Whether a path may be a model's name on the Hub: at most one slash, and no file's name of a known format.
    private static func isModelName(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let isFile = [".safetensors", ".gguf", ".qamw", ".json", ".bin", ".pt", ".pth"].contains(where: path.hasSuffix)
        return parts.count <= 2 && !isFile && !path.contains("--")
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.count <= 96 && part.first != "." && part.first != "-"
                    && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
            }
    }

    /// The cache's folder by the environment, as in huggingface_hub.
    private static func folder() -> String? {
        if let path = variable("HF_HUB_CACHE") ?? variable("HUGGINGFACE_HUB_CACHE") { return path }
        if let home = variable("HF_HOME") { return Path.join(home, "hub") }
        if let caches = variable("XDG_CACHE_HOME") { return Path.join(caches, "huggingface/hub") }
        return environment("HOME").map { Path.join($0, ".cache/huggingface/hub") }
    }

    /// The value of a variable that holds a path, in which `~` stands for the home folder; nil if it is not set or empty.
    private static func variable(_ name: String) -> String? {
        guard let path = environment(name) else { return nil }
        guard path == "~" || path.hasPrefix("~/"), let home = environment("HOME") else { return path }
        return home + path.dropFirst()
    }

    private static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
        return unsafe String(cString: value)
    }
}
