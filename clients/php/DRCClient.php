<?php

// The client of php-drc by its old name, for scripts that have been written for it: require this
// file instead of support/sdk_drc_client.php. New scripts use Fantail\Drc\Client.

declare(strict_types=1);

use Fantail\Drc\Legacy\Failure;
use Fantail\Drc\Legacy\Socket;
use Fantail\Drc\Request;
use Fantail\Drc\Session;
use Fantail\WebSocket\TimeoutException;

if (!class_exists(Socket::class)) {
    require_once __DIR__ . '/autoload.php';
}

/**
 * Channels, tokens and commands with the names, arguments and results of php-drc.
 *
 * Results are arrays: 'success', and then 'data' where there is an answer, or 'error' and
 * 'errorcode'. $wait is false: send only; true: wait for the answer as long as it takes; a number:
 * for so many seconds. Unlike in the original, what comes meanwhile is not lost: Read() has it.
 */
class DRCClient extends Socket
{
    /** To whom a client may send. */
    public const CM_RECV_ONLY = 0;
    public const CM_SEND_TO_AUTHS = 1;
    public const CM_SEND_TO_ANY = 2;

    public function CreateToken(
        $authtoken,
        $channelname,
        $protocol,
        $clientmode,
        $extra = [],
        $wait = false,
        $makeauth = false,
    ) {
        return $this->perform(Request::grant(
            (string) $channelname,
            (string) $protocol,
            $clientmode,
            $extra,
            self::token($authtoken),
            $makeauth !== false,
        ), $wait, 'create_token_timeout');
    }

    public function JoinChannel($channelname, $protocol, $token, $wait = false, $allowipauth = true)
    {
        return $this->perform(Request::join(
            (string) $channelname,
            (string) $protocol,
            self::token($token),
            $allowipauth !== false,
        ), $wait, 'join_channel_timeout');
    }

    /** The channels that this client is in, by number: the answers to JOIN, kept up to date. */
    public function GetChannels()
    {
        return $this->session?->roster->channels() ?? [];
    }

    public function GetChannel($channel)
    {
        return $this->session?->roster->channel((int) $channel) ?? false;
    }

    public function GetClientID()
    {
        return $this->session?->roster->ownId() ?? false;
    }

    public function SetExtra($channel, $id, $extra = [], $wait = false)
    {
        $request = Request::setExtra((int) $channel, (int) $id, $extra);
        return $this->perform($request, $wait, 'set_extra_timeout');
    }

    /** Sends a command; $waitcmd is the one that answers it, if it is to be waited for. */
    public function SendCommand($channel, $cmd, $to, $options = [], $wait = false, $waitcmd = false)
    {
        if (is_string($wait)) {
            // In its second version the original took the command here.
            [$wait, $waitcmd] = [true, $wait];
        }
        $answer = is_string($waitcmd) ? $waitcmd : null;
        $request =
            Request::command((int) $channel, (string) $cmd, (int) $to, (array) $options, $answer);
        return $answer === null
            ? $this->perform($request, false, '')
            : $this->perform($request, $wait === false ? 1 : $wait, 'send_command_timeout');
    }

    public function GetRandomAuthClientID($channel)
    {
        $authorities = $this->session?->roster->authorities((int) $channel) ?? [];
        return $authorities === [] ? false : $authorities[random_int(0, count($authorities) - 1)];
    }

    public function SendCommandToAuthClients($channel, $cmd, $options = [], $wait = false)
    {
        if ($this->GetChannel($channel) === false) {
            return Failure::make("This client is not in channel $channel.", 'invalid_channel');
        }
        foreach ($this->session->roster->authorities((int) $channel) as $id) {
            $result = $this->SendCommand($channel, $cmd, $id, $options, $wait);
            if (!$result['success']) {
                return $result;
            }
        }
        return ['success' => true];
    }

    public function LeaveChannel($channel, $wait = false)
    {
        $request = Request::leave((int) $channel, $this->session?->roster->ownId());
        $this->session?->roster->forget((int) $channel);
        return $this->perform($request, $wait, 'leave_channel_timeout');
    }

    private static function token($token): ?string
    {
        return $token === false || $token === null ? null : (string) $token;
    }

    /** @return array<string, mixed> */
    private function perform(Request $request, $wait, string $timeoutCode): array
    {
        return $this->attempt(static function (Session $session) use ($request, $wait, $timeoutCode): array {
            if (!$wait) {
                $session->send($request);
                return ['success' => true];
            }
            try {
                $patience = $wait === true ? INF : (float) $wait;
                return ['success' => true, 'data' => $session->ask($request, $patience)];
            } catch (TimeoutException $exception) {
                if (!$session->connection->isOpen()) {
                    throw $exception;
                }
                return Failure::make($exception->getMessage(), $timeoutCode);
            }
        });
    }
}
