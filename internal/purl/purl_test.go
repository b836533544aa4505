package purl

import (
	"testing"

	packageurl "github.com/package-url/packageurl-go"
	"pgregory.net/rapid"
)

// TestOf has the cases of the purl specification for the types that images have, in
// canonical form, and what has none.
func TestOf(t *testing.T) {
	for want, p := range map[string]Package{
		"pkg:pypi/django@1.11.1":                                             {Ecosystem: "pypi", Name: "django", Version: "1.11.1"},
		"pkg:pypi/django-allauth@12.23":                                      {Ecosystem: "pypi", Name: "Django_AllAuth", Version: "12.23"},
		"pkg:pypi/torch@2.9.0%2Bcu128":                                       {Ecosystem: "pypi", Name: "torch", Version: "2.9.0+cu128"},
		"pkg:npm/foobar@12.3.1":                                              {Ecosystem: "npm", Name: "foobar", Version: "12.3.1"},
		"pkg:npm/%40angular/core@12.3.1":                                     {Ecosystem: "npm", Name: "@angular/core", Version: "12.3.1"},
		"pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=debian-12":            {Ecosystem: "deb", Name: "curl", Version: "7.50.3-1", Arch: "i386", Distro: "debian", Release: "12"},
		"pkg:deb/ubuntu/dpkg@1.19.0.4?arch=amd64&distro=ubuntu-24.04":        {Ecosystem: "deb", Name: "dpkg", Version: "1.19.0.4", Arch: "amd64", Distro: "ubuntu", Release: "24.04"},
		"pkg:deb/debian/libstdc%2B%2B6@14.2.0-19~x?arch=amd64&distro=debian": {Ecosystem: "deb", Name: "libstdc++6", Version: "14.2.0-19~x", Arch: "amd64", Distro: "debian"},
		"pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=arm64&distro=debian-13":    {Ecosystem: "deb", Name: "attr", Version: "1:2.4.47-2+b1", Arch: "arm64", Distro: "debian", Release: "13"},
		"pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25":       {Ecosystem: "rpm", Name: "curl", Version: "7.50.3-1.fc25", Arch: "i386", Distro: "fedora", Release: "25"},
		"pkg:rpm/centos/bind@9.11-1?arch=x86_64&distro=centos-7&epoch=32":    {Ecosystem: "rpm", Name: "bind", Version: "32:9.11-1", Arch: "x86_64", Distro: "centos", Release: "7"},
		"pkg:apk/alpine/curl@7.83.0-r0?arch=x86&distro=alpine-3.20.3":        {Ecosystem: "apk", Name: "curl", Version: "7.83.0-r0", Arch: "x86", Distro: "alpine", Release: "3.20.3"},
		"pkg:alpm/arch/containers-common@1:0.47.4-4?arch=x86_64&distro=arch": {Ecosystem: "alpm", Name: "containers-common", Version: "1:0.47.4-4", Arch: "x86_64", Distro: "arch"},
		"pkg:conda/absl-py@0.4.1":                                            {Ecosystem: "conda", Name: "absl-py", Version: "0.4.1"},
	} {
		if got := Of(p); got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
	for _, p := range []Package{{}, {Ecosystem: "deb", Name: "curl", Version: "1"}, {Ecosystem: "app", Name: "app"}, {Ecosystem: "instruction", Name: "RUN x"}, {Ecosystem: "python", Name: "CPython", Version: "3.13"}, {Ecosystem: "pypi"}} {
		if got := Of(p); got != "" {
			t.Errorf("%+v: %s", p, got)
		}
	}
}

// TestBack: whatever names are, the URL leads back to them.
func TestBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z][ -~é世]{0,12}`)
		p := Package{Ecosystem: rapid.SampledFrom([]string{"deb", "rpm", "apk"}).Draw(t, "type"), Name: rapid.StringMatching(`[a-z][ -.0-~é世]{0,12}`).Draw(t, "name"), Version: text.Draw(t, "version"), Arch: text.Draw(t, "arch"), Distro: "debian", Release: "12"}
		s := Of(p)
		u, err := packageurl.FromString(s)
		if err != nil || u.Qualifiers.Map()["epoch"] == "" && u.Version != p.Version || u.Qualifiers.Map()["epoch"] != "" && u.Qualifiers.Map()["epoch"]+":"+u.Version != p.Version || u.Qualifiers.Map()["arch"] != p.Arch || u.Namespace != "debian" {
			t.Fatalf("%+v became %q: %+v %v", p, s, u, err)
		}
	})
}
