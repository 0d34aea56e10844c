# Made of wsdump --help by go test ./examples/wsdump -run Generated -wsdump.update

_wsdump() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	COMPREPLY=()
	case $prev in
	-r|--keylog|-F|-w|-z|--har) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	-i|--interface) COMPREPLY=($(compgen -W "any $(ls /sys/class/net 2>/dev/null)" -- "$cur")); return ;;
	-Z|--relinquish-privileges) COMPREPLY=($(compgen -u -- "$cur")); return ;;
	-s|--snapshot-length|-B|--buffer-size|-Q|--direction|--netns|--container|-C|-G|-W|-c|--duration|--match|--not-match|--only|--from|--conn|--url|--extract|--web-memory|--max-message|--memory) return ;;
	esac
	case $cur in
	-*) COMPREPLY=($(compgen -W "-i --interface -r --follow --keylog -F -s --snapshot-length -B --buffer-size -p --no-promiscuous-mode -Q --direction --netns --container --no-tunnels --copies --websocket -Z --relinquish-privileges -w -U --packet-buffered -C -G -W -z --json --count -c --duration -l --match --not-match --only --from --conn --url --har --summary --extract --web --web-memory -A -x -X --pretty -q -v --show-secrets -t --nano -# --number --max-message --memory -D --list-interfaces -d -n -N -K --dont-verify-checksums -h --help --version" -- "$cur")) ;;
	*) COMPREPLY=($(compgen -W "port host net tcp src dst and or not" -- "$cur")) ;;
	esac
}
complete -o filenames -F _wsdump wsdump
