package ledger

import "golang.org/x/sys/unix"

// networkFilesystem returns the name of the network filesystem that a folder is
// on, or "" if it is on none that is known. SQLite's write-ahead log needs shared
// memory, which processes on two machines don't have.
func networkFilesystem(dir string) (string, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return "", err
	}
	return networkMagic(uint32(s.Type)), nil
}

// networkMagic names the filesystems of linux/magic.h, and of Lustre and GPFS,
// that several machines mount at once.
func networkMagic(magic uint32) string {
	switch magic {
	case unix.NFS_SUPER_MAGIC:
		return "NFS"
	case unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "SMB"
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "AFS"
	case unix.CODA_SUPER_MAGIC:
		return "Coda"
	case unix.CEPH_SUPER_MAGIC:
		return "Ceph"
	case unix.OCFS2_SUPER_MAGIC:
		return "OCFS2"
	case 0x0BD00BD0:
		return "Lustre"
	case 0x47504653:
		return "GPFS"
	}
	return ""
}
